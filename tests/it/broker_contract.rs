//! What holds for every broker: each case runs against both.

/// Runs cases against the embedded broker and against Redis, both under the
/// same settings. A case that is not named here is dead code, and the compiler
/// says so.
macro_rules! for_every_broker {
    ($settings:ident: $($case:ident,)+) => {
        mod embedded {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::support::pair::embedded(super::$settings())).await;
            })+
        }

        mod redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::support::pair::redis(super::$settings()).await).await;
            })+
        }
    };
}

// Entries that change a message.
mod changes;
// Positions, order, send keys.
mod log;
// Who is there.
mod presence;
// Private rooms, names, read marks.
mod people;
// Who is let into private rooms.
mod admissions;
// Paging, trimming, looking without a trace.
mod reading;
// The directory, names and polling clients.
mod registry;
// Reactions, and messages that are changed much.
mod reactions;
// Events between instances.
mod relay;
