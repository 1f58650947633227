//! Who somebody is: an id that never changes and the name others read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A person (or program) that takes part, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct User {
    /// Never changes while the session lives; a token's `sub`.
    pub id: Arc<str>,
    /// What others read.
    pub name: Arc<str>,
}

impl User {
    /// A user with this id and name.
    pub fn new(id: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
        }
    }
}
