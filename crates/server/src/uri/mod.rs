//! URI templates that route `resources/read`.

mod matching;
mod percent;
mod screen;
mod template;

pub use matching::Variables;
pub(crate) use percent::decode as percent_decode;
pub use screen::Screened;
pub use template::{Rank, UriTemplate, UriTemplateError};
