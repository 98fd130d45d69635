use super::*;

fn chip(number: u32, label: &str, lines: &[&str]) -> ChipInfo {
    let name = format!("gpiochip{number}");
    let lines = lines.iter().map(|&line| line.to_owned()).collect();
    ChipInfo {
        path: format!("/dev/{name}").into(),
        name,
        label: label.into(),
        lines,
    }
}

/// 54 lines; the first 28 are the header's.
fn header(number: u32, label: &str) -> ChipInfo {
    let mut lines = vec!["ID_SDA".to_owned(), "ID_SCL".to_owned()];
    lines.extend((2..28).map(|number| format!("GPIO{number}")));
    lines.extend((28..54).map(|_| "-".to_owned()));
    ChipInfo {
        lines,
        ..chip(number, label, &[])
    }
}

fn nameless(number: u32, label: &str, lines: usize) -> ChipInfo {
    chip(number, label, &vec![""; lines])
}

fn brcmstb(number: u32) -> ChipInfo {
    chip(
        number,
        "gpio-brcmstb@107d508500",
        &["-", "2712_BOOT_CS_N", "PWR_GPIO"],
    )
}

fn found(chips: &[ChipInfo], line: &str, wanted: Option<&str>) -> (String, LineId) {
    let (chip, offset) = find(chips, line, wanted.map(OsStr::new)).unwrap();
    (chip.name.clone(), offset)
}

fn error(chips: &[ChipInfo], line: &str, wanted: Option<&str>) -> String {
    find(chips, line, wanted.map(OsStr::new))
        .unwrap_err()
        .to_string()
}

#[test]
fn on_a_pi_5_before_the_renumbering_it_is_on_gpiochip4() {
    let chips = [
        brcmstb(0),
        brcmstb(1),
        brcmstb(2),
        brcmstb(3),
        header(4, "pinctrl-rp1"),
    ];
    assert_eq!(found(&chips, "GPIO17", None), ("gpiochip4".into(), 17));
}

#[test]
fn on_a_pi_5_after_the_renumbering_it_is_on_gpiochip0() {
    let chips = [
        header(0, "pinctrl-rp1"),
        brcmstb(10),
        brcmstb(11),
        brcmstb(12),
        brcmstb(13),
    ];
    assert_eq!(found(&chips, "GPIO17", None), ("gpiochip0".into(), 17));
}

#[test]
fn on_a_pi_4_it_is_found_by_its_name_too() {
    let expander = chip(
        1,
        "raspberrypi-exp-gpio",
        &["BT_ON", "WL_ON", "PWR_LED_OFF"],
    );
    let chips = [header(0, "pinctrl-bcm2711"), expander];
    assert_eq!(found(&chips, "GPIO17", None), ("gpiochip0".into(), 17));
    assert_eq!(found(&chips, "WL_ON", None), ("gpiochip1".into(), 1));
}

#[test]
fn on_a_pi_without_line_names_the_number_is_the_offset_on_the_header() {
    let chips = [
        nameless(0, "brcmvirt-gpio", 32),
        nameless(1, "pinctrl-bcm2835", 54),
    ];
    assert_eq!(found(&chips, "GPIO17", None), ("gpiochip1".into(), 17));
    assert_eq!(found(&chips, "17", None), ("gpiochip1".into(), 17));
    assert!(error(&chips, "GPIO54", None).contains("no line is named GPIO54"));
    assert!(error(&chips, "LED", None).contains("no line is named LED"));
}

#[test]
fn on_another_board_an_offset_needs_the_chip() {
    let chips = [nameless(0, "9030000.pl061", 8)];
    assert_eq!(
        error(&chips, "GPIO7", None),
        "no line is named GPIO7; looked at gpiochip0 (9030000.pl061, 8 lines); choose another with --line"
    );
    assert_eq!(
        found(&chips, "7", Some("9030000.pl061")),
        ("gpiochip0".into(), 7)
    );
}

#[test]
fn a_number_is_not_an_offset_if_lines_have_names() {
    let chips = [header(0, "pinctrl-rp1")];
    assert!(error(&chips, "17", None).contains("no line is named 17"));
}

#[test]
fn of_two_lines_with_the_name_the_one_on_the_header_is_meant() {
    let chips = [
        chip(0, "mcp23017", &["GPIO16", "GPIO17"]),
        header(1, "pinctrl-rp1"),
    ];
    assert_eq!(found(&chips, "GPIO17", None), ("gpiochip1".into(), 17));
    assert_eq!(
        found(&chips, "GPIO17", Some("mcp23017")),
        ("gpiochip0".into(), 1)
    );
}

#[test]
fn two_lines_with_the_name_and_no_header_are_refused_unless_the_chip_is_named() {
    let chips = [
        chip(0, "mcp23017", &["GPIO17"]),
        chip(1, "pcf8574", &["", "GPIO17"]),
    ];
    assert_eq!(
        error(&chips, "GPIO17", None),
        "several lines are named GPIO17, on gpiochip0 (mcp23017, 1 line), gpiochip1 (pcf8574, 2 lines); \
         choose one with --chip NAME, LABEL or PATH"
    );
    for wanted in ["gpiochip1", "pcf8574", "/dev/gpiochip1"] {
        assert_eq!(
            found(&chips, "GPIO17", Some(wanted)),
            ("gpiochip1".into(), 1)
        );
    }
}

#[test]
fn two_lines_with_the_name_on_one_chip_are_refused() {
    let chips = [chip(0, "pinctrl-rp1", &["GPIO17", "GPIO17"])];
    assert!(error(&chips, "GPIO17", None).contains("several lines are named GPIO17"));
}

#[test]
fn a_line_is_waited_for_only_if_its_chip_is_not_there() {
    let expander = chip(0, "mcp23017", &["A"]);
    let all = [expander, header(1, "pinctrl-rp1")];
    for (chips, line, wanted, can_pass) in [
        (&all[..1], "GPIO17", None, true),
        (&all, "GPIO99", None, false),
        (&all, "B", Some("mcp23017"), false),
        (&all, "B", Some("pcf8574"), true),
    ] {
        let error = find(chips, line, wanted.map(OsStr::new)).unwrap_err();
        assert_eq!(error.can_pass(), can_pass, "{line} {wanted:?}");
    }
}

#[test]
fn if_no_chip_has_the_line_the_error_names_all_chips() {
    let chips = [brcmstb(0), chip(1, "raspberrypi-exp-gpio", &["BT_ON"])];
    assert_eq!(
        error(&chips, "GPIO17", None),
        "no line is named GPIO17; looked at gpiochip0 (gpio-brcmstb@107d508500, 3 lines), \
         gpiochip1 (raspberrypi-exp-gpio, 1 line); choose another with --line"
    );
    assert!(
        error(&chips, "GPIO17", Some("gpiochip9"))
            .contains("no line GPIO17 on chip gpiochip9; looked at gpiochip0")
    );
}
