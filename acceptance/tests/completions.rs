//! The completions of bash, zsh and fish after `led`, in the shells themselves.

use std::{path::Path, process::Command, sync::OnceLock};

use tempfile::TempDir;
use testing::{Outcome, build};

/// The three files, as the package installs them.
fn files() -> &'static Path {
    static FILES: OnceLock<TempDir> = OnceLock::new();
    let folder = FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let example = build(&["--package", "command", "--example", "completions"]);
        let mut example = Command::new(example.join("examples/completions"));
        Outcome::of(example.arg(folder.path())).assert_code(0);
        folder
    });
    folder.path()
}

/// The output of a line in this shell; `$1` in it is the folder with the files.
fn run(shell: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(shell);
    // fish writes to its home, which is another user's when the test runs with sudo.
    command.env("HOME", files());
    for name in ["CACHE", "CONFIG", "DATA", "STATE"] {
        command.env_remove(format!("XDG_{name}_HOME"));
    }
    let outcome = Outcome::of(command.args(arguments).arg(files()));
    assert_eq!((outcome.code, &*outcome.err), (Some(0), ""));
    outcome.out
}

#[test]
#[ignore = "needs bash"]
fn bash_completes_verbs_and_their_options() {
    let complete = r#"
        . "$1/led.bash"
        complete -p led
        compopt() { :; }
        for words in "led st" "led blink --c" "led status --" "led --key Car"; do
            COMP_WORDS=($words) COMP_CWORD=$(($(wc -w <<<"$words") - 1)) COMPREPLY=()
            _led led "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}"
        done"#;
    let output = run("bash", &["-c", complete, "bash"]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].ends_with(" led") && lines[0].contains("-F _led"));
    assert_eq!(lines[1..3], ["status", "--count"]);
    assert!(lines[3].contains("--json --watch") && lines[3].contains("--timeout"));
    // A key is not completed as a file, such as Cargo.toml.
    assert_eq!(lines[4], "Car");
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_verbs_and_their_options() {
    let complete = r#"source $argv[1]/led.fish; complete -C "led st"; complete -C "led blink --c""#;
    let output = run("fish", &["--no-config", "-c", complete]);
    let words = output.lines().filter_map(|line| line.split('\t').next());
    assert_eq!(words.collect::<Vec<_>>(), ["status", "--count"]);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_verbs_and_their_options() {
    // A shell on a terminal of its own, with the keys typed: the completed line is executed.
    let complete = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1=; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D"
        zpty -w shell 'led() { print "called with: $*" }; print is""ready'
        zpty -r -m shell seen '*isready*'
        for words in 'led st' 'led blink --c'; do
            zpty -w shell "$words"$'\t'
            zpty -r -m shell seen '*called with: *'$'\n'
            print -r -- ${${seen##*called with: }%%[[:space:]]#}
        done"#;
    let zsh = ["60", "zsh", "-f", "-o", "extendedglob", "-c", complete];
    let output = run("timeout", &[&zsh[..], &["zsh"]].concat());
    let words: Vec<&str> = output.lines().map(str::trim).collect();
    assert_eq!(words, ["status", "blink --count"]);
}
