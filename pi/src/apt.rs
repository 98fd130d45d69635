//! Debian packages for the Pi, from the mirrors of this machine, whatever its own Debian is.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{run, suite::Suite, text};
use crate::Error;

/// Debian's keys, at the same path in every suite.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The labels of the archives, and the parts of a suite in each.
const ARCHIVES: [(&str, &[&str]); 2] = [
    ("Debian", &["", "-updates"]),
    ("Debian-Security", &["-security"]),
];

/// apt with its own lists, of one suite, for arm64.
pub(crate) struct Apt {
    configuration: PathBuf,
    /// The suite's archives, in the format of sources.list(5).
    pub(crate) sources: PathBuf,
}

impl Apt {
    /// Downloads the lists.
    pub(crate) fn update(suite: Suite, cache: &Path) -> Result<Apt, Error> {
        let folder = cache.join("apt");
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let apt = Apt {
            configuration: folder.join("apt.conf"),
            sources: folder.join("sources.list"),
        };
        fs::write(&apt.sources, sources(suite)?)?;
        fs::write(folder.join("status"), "")?;
        // Read after the configuration of this machine, which has the mirrors.
        let configuration = format!(
            r#"APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
// As root, apt would download as user _apt, who cannot write here.
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::SourceList "{sources}";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}/cache";
"#,
            sources = text(&apt.sources)?,
            folder = text(&folder)?
        );
        fs::write(&apt.configuration, configuration)?;
        run(apt.command("apt-get").args(["--quiet=2", "update"]))?;
        Ok(apt)
    }

    /// An apt program with the configuration of this suite.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.configuration);
        command
    }

    /// Downloads a package, or one version of it (`name=version`), and unpacks it.
    pub(crate) fn unpack(&self, package: &str, folder: &Path) -> Result<(), Error> {
        let fetched = tempfile::tempdir_in(folder)?;
        run(self.command("apt-get").current_dir(&fetched).args([
            "--quiet=2",
            "download",
            package,
        ]))?;
        let file = fs::read_dir(&fetched)?
            .next()
            .ok_or_else(|| format!("apt-get download {package} left no file"))??;
        let mut dpkg = Command::new("dpkg-deb");
        let mut dpkg = dpkg
            .arg("--fsys-tarfile")
            .arg(file.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let files = dpkg
            .stdout
            .take()
            .ok_or("the output of dpkg-deb is a pipe")?;
        // dpkg-deb would replace a link to a folder with a folder.
        run(Command::new("tar")
            .args(["--extract", "--keep-directory-symlink", "-C"])
            .arg(folder)
            .stdin(files))?;
        if dpkg.wait()?.success() {
            Ok(())
        } else {
            Err(format!("dpkg-deb cannot read {package}").into())
        }
    }
}

/// The Debian archives of this machine, for this suite.
fn sources(suite: Suite) -> Result<String, Error> {
    let mut indexes = Command::new("apt-get");
    indexes.args([
        "indextargets",
        "--format",
        "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
        "Created-By: Packages",
    ]);
    let found = run(&mut indexes)?;
    let archives: BTreeMap<&str, &str> = found
        .lines()
        .filter_map(|line| line.strip_prefix("Debian|")?.split_once('|'))
        .collect();
    if !archives.contains_key("Debian") {
        return Err(
            "apt has no Debian archive on this machine; run \"sudo apt-get update\"".into(),
        );
    }
    let mut sources = String::new();
    for (label, parts) in ARCHIVES {
        let Some(address) = archives.get(label) else {
            continue;
        };
        for part in parts {
            writeln!(
                sources,
                "deb [signed-by={KEYS}] {address} {}{part} main",
                suite.name()
            )?;
        }
    }
    Ok(sources)
}
