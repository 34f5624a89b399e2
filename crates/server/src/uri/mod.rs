//! URI templates that route `resources/read`.

mod matching;
mod percent;
mod screen;
mod spelling;
mod syntax;
mod template;

pub use matching::Variables;
pub(crate) use percent::decode as percent_decode;
pub use screen::Screened;
pub(crate) use spelling::{plain, spelling};
pub(crate) use syntax::check as check_uri;
pub use template::{Rank, UriTemplate, UriTemplateError};
