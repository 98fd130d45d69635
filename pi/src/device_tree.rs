//! Device trees with other GPIO chips: one before the header's, as when the header of the Pi 5 changed its number, and those
//! of a Pi 5.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Error,
    cache::{Cache, workspace},
    parts::Parts,
    run::run,
};

/// An LED on pin 18 that the kernel dims, and one on pin 16 with a trigger, as the green one on the board of a Pi.
const LEDS: &str = r#"
/ {
	pwm-leds {
		compatible = "pwm-leds";
		led-18 { label = "dim18"; pwms = <&{/soc/pwm@7e20c000} 0 1000000 0>; max-brightness = <255>; };
	};
	leds-16 {
		compatible = "gpio-leds";
		led-16 { label = "ACT"; gpios = <&{/soc/gpio@7e200000} 16 1>; linux,default-trigger = "heartbeat"; };
	};
};
&{/soc/gpio@7e200000} { pwm18: pwm18 { brcm,pins = <18>; brcm,function = <2>; }; };
&{/soc/pwm@7e20c000} { pinctrl-0 = <&pwm18>; };
"#;

/// 32 lines, over a word of memory that is not used otherwise.
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
/* A chip that another one refers to is probed first. */
&{/soc/gpio@7e200000} { x-gpios = <&other 0 0>; };
"#;

/// The lines from 28 on of the chip with a Pi 5's header.
const RP1_LINES: &str = "PCIE_RP1_WAKE FAN_TACH HOST_SDA HOST_SCL ETH_RST_N - CD0_IO0_MICCLK CD0_IO0_MICDAT0 \
    RP1_PCIE_CLKREQ_N - CD0_SDA CD0_SCL CD1_SDA CD1_SCL USB_VBUS_EN USB_OC_N RP1_STAT_LED FAN_PWM CD1_IO0_MICCLK \
    2712_WAKE CD1_IO1_MICDAT1 EN_MAX_USB_CUR - - - -";

/// The chips on the board of a Pi 5: labels, and names of their lines.
const BOARD: [(&str, &str); 4] = [
    (
        "gpio-brcmstb@107d508500",
        "- 2712_BOOT_CS_N 2712_BOOT_MISO 2712_BOOT_MOSI 2712_BOOT_SCLK - - - - - - - - - PCIE_SDA PCIE_SCL - - - - \
         PWR_GPIO 2712_G21_FS - - BT_RTS BT_CTS BT_TXD BT_RXD WL_ON BT_ON WIFI_SDIO_CLK WIFI_SDIO_CMD",
    ),
    (
        "gpio-brcmstb@107d508520",
        "WIFI_SDIO_D0 WIFI_SDIO_D1 WIFI_SDIO_D2 WIFI_SDIO_D3",
    ),
    (
        "gpio-brcmstb@107d517c00",
        "RP1_SDA RP1_SCL RP1_RUN SD_IOVDD_SEL SD_PWR_ON SD_CDET_N SD_FLG_N - 2712_WAKE 2712_STAT_LED - - PMIC_INT \
         UART_TX_FS UART_RX_FS - -",
    ),
    (
        "gpio-brcmstb@107d517c20",
        "HDMI0_SCL HDMI0_SDA HDMI1_SCL HDMI1_SDA PMIC_SCL PMIC_SDA",
    ),
];

/// Chips that take the numbers 1 to 9 until the board's chips have those from 10 on. A Pi 5's kernel assigns these itself.
pub(crate) const SPARE_CHIPS: &str = "spare-chips";

/// The Pi's device tree with another chip before the header's, whose lines have these names.
pub(crate) fn with_other_chip(
    cache: &Cache,
    parts: &Parts,
    name: &str,
    lines: &[&str],
) -> Result<PathBuf, Error> {
    let tree = source(parts)? + &OTHER_CHIP.replace("LINES", &strings(lines.iter().copied()));
    compile(cache, name, &tree)
}

/// The Pi's device tree with LEDs that the kernel drives.
pub(crate) fn with_leds(cache: &Cache, parts: &Parts) -> Result<PathBuf, Error> {
    compile(cache, "leds", &(source(parts)? + LEDS))
}

/// The Pi's device tree with an overlay of the package.
pub(crate) fn with_overlay(cache: &Cache, parts: &Parts, name: &str) -> Result<PathBuf, Error> {
    let overlay = workspace()?
        .join("overlays")
        .join(name)
        .with_extension("dts");
    let made_from = (parts.fetched, fs::read(&overlay)?);
    cache.once(&format!("{name}.dtb"), &made_from, |merged| {
        let compiled = merged.with_extension("dtbo");
        run(Command::new("dtc")
            .args(["-@", "-q", "-I", "dts", "-O", "dtb", "-o"])
            .args([&compiled, &overlay]))?;
        run(Command::new("fdtoverlay")
            .arg("-i")
            .arg(&parts.device_tree)
            .arg("-o")
            .args([merged, &compiled]))
        .map(drop)
    })
}

/// The Pi's device tree with the chips of a Pi 5 instead of its own, for the kernel's simulator.
pub(crate) fn of_a_pi_5(cache: &Cache, parts: &Parts) -> Result<PathBuf, Error> {
    // Devices that wait for these pins would never start, among them the serial ports.
    let kept = source(parts)?
        .lines()
        .filter(|line| !line.contains("pinctrl-"))
        .collect::<Vec<_>>()
        .join("\n");
    let numbered: Vec<String> = (2..28).map(|number| format!("GPIO{number}")).collect();
    let header = ["ID_SDA", "ID_SCL"]
        .into_iter()
        .chain(numbered.iter().map(String::as_str));
    let header = bank("pinctrl-rp1", header.chain(RP1_LINES.split_whitespace()));
    let spare: String = (1..10)
        .map(|number| bank(&format!("spare-{number}"), ["-"]))
        .collect();
    let board: String = BOARD
        .iter()
        .map(|(label, lines)| bank(label, lines.split_whitespace()))
        .collect();
    let chips = |name: &str, banks: &str| {
        format!("{name} {{ compatible = \"gpio-simulator\"; {banks} }};\n")
    };
    let chips = chips("rp1", &header) + &chips(SPARE_CHIPS, &spare) + &chips("bcm2712", &board);
    let tree = format!(
        "{kept}\n/ {{ model = \"Raspberry Pi 5 Model B Rev 1.0\"; {chips} }};\n\
         &{{/soc/gpio@7e200000}} {{ status = \"disabled\"; }};\n\
         &{{/soc/firmware/gpio}} {{ status = \"disabled\"; }};\n"
    );
    compile(cache, "pi5", &tree)
}

fn bank<'a>(label: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines.into_iter().collect();
    let node = label.replace('@', "-");
    let (count, names) = (lines.len(), strings(lines));
    format!(
        "{node} {{ gpio-sim,label = \"{label}\"; ngpios = <{count}>; gpio-line-names = {names}; }};\n"
    )
}

fn strings<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

fn source(parts: &Parts) -> Result<String, Error> {
    run(Command::new("dtc")
        .args(["-q", "-I", "dtb", "-O", "dts"])
        .arg(&parts.device_tree))
}

fn compile(cache: &Cache, name: &str, tree: &str) -> Result<PathBuf, Error> {
    cache.once(&format!("{name}.dtb"), &tree, |compiled| {
        let source = compiled.with_extension("dts");
        fs::write(&source, tree)?;
        run(Command::new("dtc")
            .args(["-q", "-I", "dts", "-O", "dtb", "-o"])
            .args([compiled, &source]))
        .map(drop)
    })
}
