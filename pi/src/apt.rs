//! Debian packages for the Pi, from the mirrors of this machine, whatever its own Debian is.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    run::{pipe, run, text},
    steps::step,
    suite::Suite,
};

/// Debian's keys, at the same path in every suite.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The labels of the archives, and the parts of a suite in each.
const ARCHIVES: [(&str, &[&str]); 2] = [
    ("Debian", &["", "-updates"]),
    ("Debian-Security", &["-security"]),
];

/// The settings of this machine that count here too: how its mirrors are reached, and whether their dates are checked.
const CARRIED: [&str; 5] = [
    "Acquire::http",
    "Acquire::ForceIPv",
    "Acquire::Retries",
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
];

/// apt with its own lists, of one suite, for arm64.
pub(crate) struct Apt {
    pub(crate) suite: Suite,
    /// Its settings, instead of those of this machine.
    configuration: PathBuf,
    /// The settings that both have.
    carried: PathBuf,
    /// The suite's archives, in the format of sources.list(5).
    sources: PathBuf,
}

impl Apt {
    /// Downloads the lists into a folder.
    pub(crate) fn update(suite: Suite, folder: &Path) -> Result<Apt, Error> {
        let folder = folder.join("apt");
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let apt = Apt {
            suite,
            configuration: folder.join("apt.conf"),
            carried: folder.join("carried.conf"),
            sources: folder.join("sources.list"),
        };
        fs::write(&apt.sources, sources(suite)?)?;
        fs::write(folder.join("status"), "")?;
        let carried = carried(&run(Command::new("apt-config").arg("dump"))?);
        fs::write(&apt.configuration, configuration(&carried, text(&folder)?))?;
        fs::write(&apt.carried, carried)?;
        let name = format!("downloading the package lists of Debian {}", suite.name());
        step(&name, || {
            run(apt.command("apt-get").args(["--quiet=2", "update"]))
        })?;
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
        // dpkg-deb would replace a link to a folder with a folder.
        pipe(
            Command::new("dpkg-deb")
                .arg("--fsys-tarfile")
                .arg(file.path()),
            Command::new("tar")
                .args(["--extract", "--keep-directory-symlink", "-C"])
                .arg(folder),
        )
    }

    /// Installs a Debian in a new folder. mmdebstrap reads no setting of this machine, but has these in the end.
    pub(crate) fn install(
        &self,
        options: &[&str],
        packages: &str,
        root: &Path,
    ) -> Result<(), Error> {
        // It unmounts what it mounted, also if this process is killed.
        run(Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "mmdebstrap", "--quiet"])
            .arg("--format=directory")
            .args(options)
            .arg(format!("--include={packages}"))
            .arg(format!("--aptopt={}", text(&self.carried)?))
            .args([self.suite.name(), text(root)?, text(&self.sources)?]))?;
        Ok(fs::remove_file(
            root.join("etc/apt/apt.conf.d/99mmdebstrap"),
        )?)
    }
}

/// The carried ones of all settings, as apt-config(8) prints them.
fn carried(settings: &str) -> String {
    settings
        .lines()
        .filter(|line| CARRIED.iter().any(|name| line.starts_with(name)))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// apt reads this file first, so it names no other file of this machine but that of passwords.
fn configuration(carried: &str, folder: &str) -> String {
    format!(
        r#"{carried}Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{folder}";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}/cache";
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
// As root, apt would download as user _apt, who cannot write here.
APT::Sandbox::User "root";
Acquire::Languages "none";
"#
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings as of apt-file, of a program that is told about updates, and of a proxy.
    const MACHINE: &str = r#"
Acquire::IndexTargets::deb::Contents-deb {
    MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)";
    ShortDescription "Contents-$(ARCHITECTURE)";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents (deb)";
    DefaultEnabled "true";
};
APT::Update::Post-Invoke-Success { "false"; };
APT::Update::Pre-Invoke { "false"; };
DPkg::Pre-Install-Pkgs { "false"; };
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::CAInfo "/etc/ssl/example.pem";
Acquire::Check-Date "false";
"#;

    /// All settings of an apt that reads this file, as if it were in /etc/apt/apt.conf.d.
    fn settings(configuration: &str) -> Result<String, Error> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("apt.conf");
        fs::write(&file, configuration)?;
        run(Command::new("apt-config")
            .arg("dump")
            .env("APT_CONFIG", file))
    }

    #[test]
    fn only_the_way_to_the_mirrors_is_carried_over_from_this_machine() -> Result<(), Error> {
        let machine = settings(MACHINE)?;
        assert!(machine.contains("Contents-deb") && machine.contains("Pre-Invoke:: \"false\""));
        let ours = settings(&configuration(&carried(&machine), "/folder"))?;
        for kept in [
            "Acquire::http::Proxy \"http://proxy.example:3142\";",
            "Acquire::https::CAInfo \"/etc/ssl/example.pem\";",
            "Acquire::Check-Date \"false\";",
            "Dir::Etc::parts \"/dev/null\";",
            "Dir::Etc::main \"/dev/null\";",
        ] {
            assert!(ours.lines().any(|line| line == kept), "{kept}: {ours}");
        }
        // Neither those above nor any that this machine has.
        for foreign in ["Contents-", "-Invoke", "Pre-Install", "DEP-11"] {
            assert!(!ours.contains(foreign), "{foreign}: {ours}");
        }
        Ok(())
    }
}
