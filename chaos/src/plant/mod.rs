//! Instances with a planted bug. Each bug is one that a chat server of this
//! kind is likely to have; a checker that does not find all of them proves
//! nothing.

mod broker;

use std::sync::Arc;

use clap::ValueEnum;
use hubbub::{broker::Broker, config::Config, server, telemetry};

use self::broker::Planted;

/// What is wrong with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bug {
    /// Nothing: the same schedule must find nothing
    None,
    /// A send is not recognised when it comes again
    SkipDedupe,
    /// A send is acknowledged before Redis has it
    AckBeforeRedis,
    /// Nobody looks whether a room has gone on while the link was away
    NoHeadCheck,
    /// A marker is believed to follow whatever came last
    NoPrevCheck,
    /// A hole is never repaired from the log
    PlainRelay,
}

impl Bug {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Serves as an instance with this bug.
pub(crate) async fn serve(bug: Bug) -> anyhow::Result<()> {
    let config = Config::read()?;
    telemetry::start_log(&config.log)?;
    let wrap = |broker: Arc<dyn Broker>| -> Arc<dyn Broker> {
        if bug == Bug::None {
            broker
        } else {
            Planted::new(broker, bug)
        }
    };
    server::run_with(config, wrap).await
}
