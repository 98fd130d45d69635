//! What is fetched or made once, and kept: in `.cache/pi`, in a folder for each suite.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use crate::{Error, steps::step, suite::Suite};

/// The folder of a suite.
#[derive(Clone)]
pub(crate) struct Cache {
    pub(crate) suite: Suite,
    pub(crate) folder: PathBuf,
}

impl Cache {
    pub(crate) fn of(suite: Suite) -> Result<Cache, Error> {
        let folder = workspace()?.join(".cache/pi").join(suite.name());
        fs::create_dir_all(&folder)?;
        Ok(Cache { suite, folder })
    }

    /// A file or folder with this name, which is made if it is missing or was made from something else. Other processes and
    /// threads wait meanwhile, and find it complete or not at all. What is left beside the new one is removed.
    pub(crate) fn once(
        &self,
        name: &str,
        made_from: &impl Hash,
        make: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let [lock, stamp] = ["lock", "from"].map(|end| self.folder.join(format!("{name}.{end}")));
        let lock = File::create(lock)?;
        if lock.try_lock().is_err() {
            step(&format!("waiting for {name}"), || Ok(lock.lock()?))?;
        }
        let from = digest(made_from);
        if path.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == from) {
            return Ok(path);
        }
        // If this process is killed, the next one removes what it left.
        let scratch = self.folder.join(format!("{name}.new"));
        remove(&scratch)?;
        fs::create_dir(&scratch)?;
        let new = scratch.join(name);
        make(&new)?;
        remove(&stamp)?;
        remove(&path)?;
        fs::rename(new, &path)?;
        fs::write(stamp, from)?;
        remove(&scratch)?;
        Ok(path)
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if path.exists() => Err(format!("{}: {error}", path.display()).into()),
        _ => Ok(()),
    }
}

pub(crate) fn workspace() -> Result<PathBuf, Error> {
    Ok(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?)
}

fn digest(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(cache: &Cache, from: &str) -> Result<(String, bool), Error> {
        let mut made = false;
        let path = cache.once("file", &from, |new| {
            made = true;
            Ok(fs::write(new, from)?)
        })?;
        Ok((fs::read_to_string(path)?, made))
    }

    #[test]
    fn a_file_is_made_again_only_from_something_else() -> Result<(), Error> {
        let folder = tempfile::tempdir()?;
        let cache = Cache {
            suite: Suite::Trixie,
            folder: folder.path().to_owned(),
        };
        assert_eq!(make(&cache, "one")?, ("one".to_owned(), true));
        assert_eq!(make(&cache, "one")?, ("one".to_owned(), false));
        assert_eq!(make(&cache, "two")?, ("two".to_owned(), true));
        let failed = cache.once("file", &"three", |_| Err("no".into()));
        assert!(failed.is_err());
        assert_eq!(make(&cache, "two")?, ("two".to_owned(), false));
        Ok(())
    }
}
