//! `varve push`: an image of the store to a registry.

use super::arguments::PushArguments;
use super::build::tag;
use super::failure::{Exit, Failure};
use super::machine::{self, Machine};
use super::{network, progress};
use crate::build::{self, PushRequest};
use crate::schedule::Cancel;
use std::sync::Arc;

pub(super) fn run(arguments: &PushArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let (http, registries) = network::servers(&arguments.servers)?;
    let request = PushRequest {
        image: arguments.image.clone(),
        destination: arguments.destination.as_deref().map(tag).transpose()?,
        http,
        registries,
    };
    // Files of the image may be of users whom only a namespace shows.
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel);
    let store = machine.store()?;
    let screen = progress::screen(arguments.progress, arguments.quiet);
    let pushed = build::push(&store, &request, cancel, &|progress| screen.show(progress));
    screen.close();
    super::print(&pushed?.to_string()).map(|()| Exit::Done)
}
