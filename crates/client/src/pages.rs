//! Lists that come in pages.

use std::marker::PhantomData;

use turbomcp_protocol::types::{
    Cursor, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, Prompt, Resource,
    ResourceTemplate, Tool,
};
use turbomcp_protocol::{ErrorCode, Method};

use crate::call::{Call, Decode, Prepared, text_member};
use crate::{Client, Error};

/// One page of a list. Only the list results of the protocol are.
pub trait Page: sealed::Page + Send + Sized + 'static {
    /// What the list is of.
    type Item: Send;

    /// Returns what is on the page.
    fn into_items(self) -> Vec<Self::Item>;

    /// Returns where the next page begins, if there is one.
    fn next_cursor(&self) -> Option<&Cursor>;
}

mod sealed {
    use std::time::Duration;

    use serde::de::DeserializeOwned;
    use turbomcp_protocol::Method;
    use turbomcp_protocol::types::Tool;

    #[expect(unnameable_types, reason = "only this crate implements it")]
    pub trait Page: DeserializeOwned {
        const METHOD: Method;

        fn ttl(&self) -> Option<Duration>;

        /// Returns the tools on the page, some of which a binding may be unable to call.
        fn tools_mut(&mut self) -> Option<&mut Vec<Tool>> {
            None
        }
    }
}

macro_rules! pages {
    ($($page:ident, $item:ident, $field:ident, $method:ident $(, $tools:ident)?;)*) => {$(
        impl sealed::Page for $page {
            const METHOD: Method = Method::$method;

            fn ttl(&self) -> Option<std::time::Duration> {
                self.ttl
            }

            $(fn tools_mut(&mut self) -> Option<&mut Vec<Tool>> {
                Some(&mut self.$tools)
            })?
        }

        impl Page for $page {
            type Item = $item;

            fn into_items(self) -> Vec<$item> {
                self.$field
            }

            fn next_cursor(&self) -> Option<&Cursor> {
                self.next_cursor.as_ref()
            }
        }
    )*};
}

pages! {
    ListToolsResult, Tool, tools, TOOLS_LIST, tools;
    ListResourcesResult, Resource, resources, RESOURCES_LIST;
    ListResourceTemplatesResult, ResourceTemplate, resource_templates, RESOURCES_TEMPLATES_LIST;
    ListPromptsResult, Prompt, prompts, PROMPTS_LIST;
}

/// The pages of a list, asked for one by one.
///
/// A method `next` rather than an implementation of `Stream`: that trait is not in the standard library, and its
/// combinators are in yet another crate. To make a stream of it, unfold it.
///
/// ```no_run
/// # async fn run(client: turbomcp_client::Client) -> Result<(), turbomcp_client::Error> {
/// let mut pages = client.list_tools();
/// while let Some(page) = pages.next().await {
///     println!("{} more tools", page?.tools.len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Specification
///
/// [Pagination](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination)
#[derive(Debug)]
#[must_use = "pages are asked for by `next`"]
pub struct Pages<P> {
    client: Client,
    cursor: Option<Cursor>,
    read: usize,
    is_over: bool,
    fresh: bool,
    page: PhantomData<fn() -> P>,
}

impl<P: Page> Pages<P> {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), cursor: None, read: 0, is_over: false, fresh: false, page: PhantomData }
    }

    /// Begins at a page that an earlier list named as its next.
    pub fn starting_at(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Asks the server even for pages that may still be used.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Asks for the next page; `None` after the last one, and after an error.
    ///
    /// # Errors
    ///
    /// Those of any call; `is_protocol()` if the pages do not end.
    pub async fn next(&mut self) -> Option<Result<P, Error>> {
        if self.is_over {
            return None;
        }
        let page = self.ask().await;
        if page.is_err() {
            self.is_over = true;
        }
        Some(page)
    }

    async fn ask(&mut self) -> Result<P, Error> {
        if self.read >= self.client.shared().settings.max_pages {
            return Err(Error::protocol("the list has too many pages"));
        }
        let params = self.cursor.as_ref().map_or_else(Vec::new, |cursor| text_member("cursor", cursor.as_str()));
        let prepared = Ok(Prepared::new(P::METHOD, params));
        let mut call = Call::new(&self.client, prepared, Decode::cached(P::ttl));
        if self.fresh {
            call = call.fresh();
        }
        let mut page: P = call.await?;
        self.read += 1;
        let next = page.next_cursor().cloned();
        if next.is_some() && next == self.cursor {
            return Err(Error::protocol("a page of the list is followed by itself"));
        }
        self.is_over = next.is_none();
        self.cursor = next;
        if let Some(tools) = page.tools_mut() {
            self.client.shared().learn(tools);
        }
        Ok(page)
    }

    /// Asks for every page that is left and returns what is on them.
    ///
    /// If a cursor is refused on the way, because the list has changed meanwhile, everything is asked for once more.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn all(mut self) -> Result<Vec<P::Item>, Error> {
        let (first, mut restarted) = (self.cursor.clone(), false);
        let max_items = self.client.shared().settings.max_items;
        let mut items = Vec::new();
        while let Some(page) = self.next().await {
            match page {
                Ok(page) => items.extend(page.into_items()),
                Err(error) if error.code() == Some(ErrorCode::INVALID_PARAMS) && self.cursor != first && !restarted => {
                    restarted = true;
                    self.client.shared().cache.forget(&P::METHOD);
                    items.clear();
                    (self.cursor, self.is_over, self.fresh) = (first.clone(), false, true);
                }
                Err(error) => return Err(error),
            }
            if items.len() > max_items {
                return Err(Error::protocol("the list is too long"));
            }
        }
        Ok(items)
    }
}
