//! Device trees with another GPIO chip that comes first, as when the header of the Pi 5 changed its number.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{parts::Parts, run};
use crate::Error;

/// 32 lines over a word of memory that nobody else uses.
const OTHER_CHIP: &str = r#"
/ {
	reserved-memory {
		#address-cells = <1>;
		#size-cells = <1>;
		ranges;
		other@3b000000 { reg = <0x3b000000 0x1000>; no-map; };
	};
	other: gpio@3b000000 {
		compatible = "wd,mbl-gpio";
		reg = <0x3b000000 4>;
		reg-names = "dat";
		gpio-controller;
		#gpio-cells = <2>;
		gpio-line-names = LINES;
	};
};
/* Whoever is referred to is probed first. */
&{/soc/gpio@7e200000} { x-gpios = <&other 0 0>; };
"#;

/// The Pi's device tree with a chip before the header's, which has lines of these names.
pub(crate) fn with_other_chip(cache: &Path, parts: &Parts, name: &str, lines: &[&str]) -> Result<PathBuf, Error> {
    let (source, compiled) = (cache.join(format!("{name}.dts")), cache.join(format!("{name}.dtb")));
    let mut tree = run(Command::new("dtc").args(["-q", "-I", "dtb", "-O", "dts"]).arg(&parts.device_tree))?;
    let names: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
    tree += &OTHER_CHIP.replace("LINES", &names.join(", "));
    fs::write(&source, tree)?;
    run(Command::new("dtc").args(["-q", "-I", "dts", "-O", "dtb", "-o"]).arg(&compiled).arg(&source))?;
    Ok(compiled)
}
