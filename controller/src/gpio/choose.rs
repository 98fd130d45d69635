//! Which line is meant, as a pure function over a listing of the chips.
//!
//! Never by chip number: the header of a Pi 5 was gpiochip4, and has been gpiochip0 since 2024.

use std::{error, fmt, path::PathBuf};

use gpiod::LineId;

/// The labels of the chips that the header of a Raspberry Pi is on: Pi 5, Pi 4, older ones.
const HEADERS: [&str; 3] = ["pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"];

/// A chip as it presents itself.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) label: String,
    /// The name of each line, by offset; empty for a line without one.
    pub(crate) lines: Vec<String>,
}

impl Listing {
    fn is_header(&self) -> bool {
        HEADERS.contains(&self.label.as_str())
    }

    fn is(&self, wanted: &str) -> bool {
        self.name == wanted || self.label == wanted || self.path.to_str() == Some(wanted)
    }

    fn lines_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Choice<'a>> {
        let lines = (0..).zip(&self.lines);
        lines.filter(move |(_, line)| *line == name).map(move |(offset, _)| Choice { chip: self, offset })
    }

    /// Line `GPIO17` of a chip that gives its lines no names.
    fn line_at(&self, name: &str) -> Option<Choice<'_>> {
        if self.lines.iter().any(|line| !line.is_empty()) {
            return None;
        }
        let offset: LineId = name.strip_prefix("GPIO").unwrap_or(name).parse().ok()?;
        let exists = usize::try_from(offset).is_ok_and(|offset| offset < self.lines.len());
        exists.then_some(Choice { chip: self, offset })
    }
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) chip: &'a Listing,
    pub(crate) offset: LineId,
}

/// The line with this name: of all chips, or of those with the name, label or path that is wanted.
///
/// Where several lines have the name, one on a Raspberry Pi's header is meant. Where none has it, it is the offset on
/// a chip without line names: the header's, or the one that is wanted.
pub(crate) fn choose<'a>(chips: &'a [Listing], line: &'a str, wanted: Option<&str>) -> Result<Choice<'a>, ChooseError> {
    let candidates = || chips.iter().filter(|chip| wanted.is_none_or(|wanted| chip.is(wanted)));
    let named: Vec<_> = candidates().flat_map(|chip| chip.lines_named(line)).collect();
    let meant: Vec<_> = match named.len() {
        0 => candidates()
            .filter(|chip| wanted.is_some() || chip.is_header())
            .filter_map(|chip| chip.line_at(line))
            .collect(),
        1 => named,
        _ => match named.iter().copied().filter(|choice| choice.chip.is_header()).collect::<Vec<_>>() {
            header if header.is_empty() => named,
            header => header,
        },
    };
    match meant[..] {
        [choice] => Ok(choice),
        [] => Err(ChooseError::new(line, wanted, Problem::NotFound, chips.iter())),
        _ => Err(ChooseError::new(line, wanted, Problem::Ambiguous, meant.iter().map(|choice| choice.chip))),
    }
}

/// Why no line was chosen, and of which chips.
#[derive(Debug)]
pub struct ChooseError {
    line: String,
    wanted: Option<String>,
    problem: Problem,
    chips: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Problem {
    NotFound,
    Ambiguous,
}

impl ChooseError {
    fn new<'a>(line: &str, wanted: Option<&str>, problem: Problem, chips: impl Iterator<Item = &'a Listing>) -> Self {
        ChooseError {
            line: line.to_owned(),
            wanted: wanted.map(str::to_owned),
            problem,
            chips: chips.map(|chip| format!("{} ({}, {} lines)", chip.name, chip.label, chip.lines.len())).collect(),
        }
    }
}

impl ChooseError {
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.problem == Problem::Ambiguous
    }
}

impl fmt::Display for ChooseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, chips) = (&self.line, self.chips.join(", "));
        match (self.problem, &self.wanted) {
            (Problem::NotFound, None) => write!(f, "no line is named {line}; looked at {chips}; --line names another"),
            (Problem::NotFound, Some(wanted)) => {
                write!(f, "no line {line} on a chip {wanted}; there are {chips}; --line and --chip name others")
            }
            (Problem::Ambiguous, _) => {
                write!(f, "line {line} is there more than once, on {chips}; --chip NAME, LABEL or PATH says which")
            }
        }
    }
}

impl error::Error for ChooseError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(number: u32, label: &str, lines: &[&str]) -> Listing {
        let name = format!("gpiochip{number}");
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        Listing { path: format!("/dev/{name}").into(), name, label: label.into(), lines }
    }

    /// 54 lines; the first 28 are the header's.
    fn header(number: u32, label: &str) -> Listing {
        let mut lines = vec!["ID_SDA".to_owned(), "ID_SCL".to_owned()];
        lines.extend((2..28).map(|number| format!("GPIO{number}")));
        lines.extend((28..54).map(|_| "-".to_owned()));
        Listing { lines, ..chip(number, label, &[]) }
    }

    fn nameless(number: u32, label: &str, lines: usize) -> Listing {
        chip(number, label, &vec![""; lines])
    }

    fn brcmstb(number: u32) -> Listing {
        chip(number, "gpio-brcmstb@107d508500", &["-", "2712_BOOT_CS_N", "PWR_GPIO"])
    }

    fn chosen(chips: &[Listing], line: &str, wanted: Option<&str>) -> (String, LineId) {
        let choice = choose(chips, line, wanted).unwrap();
        (choice.chip.name.clone(), choice.offset)
    }

    fn refused(chips: &[Listing], line: &str, wanted: Option<&str>) -> String {
        choose(chips, line, wanted).unwrap_err().to_string()
    }

    #[test]
    fn on_a_pi_5_before_the_renumbering_it_is_on_gpiochip4() {
        let chips = [brcmstb(0), brcmstb(1), brcmstb(2), brcmstb(3), header(4, "pinctrl-rp1")];
        assert_eq!(chosen(&chips, "GPIO17", None), ("gpiochip4".into(), 17));
    }

    #[test]
    fn on_a_pi_5_after_the_renumbering_it_is_on_gpiochip0() {
        let chips = [header(0, "pinctrl-rp1"), brcmstb(10), brcmstb(11), brcmstb(12), brcmstb(13)];
        assert_eq!(chosen(&chips, "GPIO17", None), ("gpiochip0".into(), 17));
    }

    #[test]
    fn on_a_pi_4_it_is_found_by_its_name_too() {
        let expander = chip(1, "raspberrypi-exp-gpio", &["BT_ON", "WL_ON", "PWR_LED_OFF"]);
        let chips = [header(0, "pinctrl-bcm2711"), expander];
        assert_eq!(chosen(&chips, "GPIO17", None), ("gpiochip0".into(), 17));
        assert_eq!(chosen(&chips, "WL_ON", None), ("gpiochip1".into(), 1));
    }

    #[test]
    fn on_a_pi_without_line_names_the_number_is_the_offset_on_the_header() {
        let chips = [nameless(0, "brcmvirt-gpio", 32), nameless(1, "pinctrl-bcm2835", 54)];
        assert_eq!(chosen(&chips, "GPIO17", None), ("gpiochip1".into(), 17));
        assert_eq!(chosen(&chips, "17", None), ("gpiochip1".into(), 17));
        assert!(refused(&chips, "GPIO54", None).contains("no line is named GPIO54"));
        assert!(refused(&chips, "LED", None).contains("no line is named LED"));
    }

    #[test]
    fn on_another_board_the_chip_must_be_named_for_an_offset() {
        let chips = [nameless(0, "9030000.pl061", 8)];
        assert_eq!(
            refused(&chips, "GPIO7", None),
            "no line is named GPIO7; looked at gpiochip0 (9030000.pl061, 8 lines); --line names another"
        );
        assert_eq!(chosen(&chips, "7", Some("9030000.pl061")), ("gpiochip0".into(), 7));
    }

    #[test]
    fn a_number_is_no_offset_where_lines_have_names() {
        let chips = [header(0, "pinctrl-rp1")];
        assert!(refused(&chips, "17", None).contains("no line is named 17"));
    }

    #[test]
    fn of_two_lines_with_the_name_the_one_on_the_header_is_meant() {
        let chips = [chip(0, "mcp23017", &["GPIO16", "GPIO17"]), header(1, "pinctrl-rp1")];
        assert_eq!(chosen(&chips, "GPIO17", None), ("gpiochip1".into(), 17));
        assert_eq!(chosen(&chips, "GPIO17", Some("mcp23017")), ("gpiochip0".into(), 1));
    }

    #[test]
    fn two_lines_with_the_name_and_no_header_are_refused_unless_the_chip_is_named() {
        let chips = [chip(0, "mcp23017", &["GPIO17"]), chip(1, "pcf8574", &["", "GPIO17"])];
        assert_eq!(
            refused(&chips, "GPIO17", None),
            "line GPIO17 is there more than once, on gpiochip0 (mcp23017, 1 lines), gpiochip1 (pcf8574, 2 lines); \
             --chip NAME, LABEL or PATH says which"
        );
        for wanted in ["gpiochip1", "pcf8574", "/dev/gpiochip1"] {
            assert_eq!(chosen(&chips, "GPIO17", Some(wanted)), ("gpiochip1".into(), 1));
        }
    }

    #[test]
    fn two_lines_with_the_name_on_one_chip_are_refused() {
        let chips = [chip(0, "pinctrl-rp1", &["GPIO17", "GPIO17"])];
        assert!(refused(&chips, "GPIO17", None).contains("more than once"));
    }

    #[test]
    fn where_no_chip_has_the_line_all_that_were_looked_at_are_named() {
        let chips = [brcmstb(0), chip(1, "raspberrypi-exp-gpio", &["BT_ON"])];
        assert_eq!(
            refused(&chips, "GPIO17", None),
            "no line is named GPIO17; looked at gpiochip0 (gpio-brcmstb@107d508500, 3 lines), \
             gpiochip1 (raspberrypi-exp-gpio, 1 lines); --line names another"
        );
        assert!(
            refused(&chips, "GPIO17", Some("gpiochip9"))
                .contains("no line GPIO17 on a chip gpiochip9; there are gpiochip0")
        );
    }
}
