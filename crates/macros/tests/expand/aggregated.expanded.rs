impl Search {
    async fn find(&self, query: Query, ctx: Context) -> McpResult<Found> {
        self.index.find(query, ctx).await
    }
    fn count(ctx: &Context, query: HashMap<String, String>) -> usize {
        query.len()
    }
}
const _: () = {
    use ::turbomcp::__private;
    #[automatically_derived]
    impl ::turbomcp::IntoServer for Search {
        fn into_builder(self) -> ::turbomcp::ServerBuilder {
            let this = __private::shared(self);
            let builder = ::turbomcp::ServerBuilder::new()
                .name("search")
                .version(::core::env!("CARGO_PKG_VERSION"));
            let builder = {
                use __private::tool::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&&&&&&__private::Probe::<McpResult<Found>>::new())
                    .ask_output()
                    .fit();
                let source_query = (&&__private::Probe::<Query>::new())
                    .ask_argument()
                    .fit();
                let source_ctx = (&&__private::Probe::<Context>::new())
                    .ask_request()
                    .fit();
                let input = __private::tool::Input::new(
                    &[__private::tool::Shape::Whole, source_ctx.shape()],
                );
                let input = source_query
                    .declare(input, "query", __private::Argument::new());
                let input = source_ctx.declare(input, "ctx", __private::Argument::new());
                let (layout, schema) = input.finish();
                let definition = __private::tool::definition(
                    "find",
                    schema,
                    output.schema(),
                );
                let tool = ::turbomcp::FnTool::from_request(
                        definition,
                        move |
                            request: __private::CallToolRequest,
                            context: __private::Context|
                        {
                            let this = ::std::sync::Arc::clone(&this);
                            async move {
                                let (arg_query, arg_ctx) = match __private::tool::read(|| {
                                    let [raw_query, raw_ctx] = layout
                                        .read(request.arguments(), ["query", "ctx"])?;
                                    ::core::result::Result::Ok((
                                        source_query.take(&context, raw_query)?,
                                        source_ctx.take(&context, raw_ctx)?,
                                    ))
                                }) {
                                    ::core::result::Result::Ok(values) => values,
                                    ::core::result::Result::Err(refusal) => return refusal,
                                };
                                output.reply(Self::find(&*this, arg_query, arg_ctx).await)
                            }
                        },
                    )
                    .typed();
                __private::registered(builder.tool("find", tool))
            };
            let builder = {
                use __private::tool::probes::*;
                let output = (&&&&&&&__private::Probe::<usize>::new())
                    .ask_output()
                    .fit();
                let source_ctx = (&&&__private::Probe::<Context>::new())
                    .ask_parameter()
                    .fit();
                let source_query = (&&&__private::Probe::<
                    HashMap<String, String>,
                >::new())
                    .ask_parameter()
                    .fit();
                let count = __private::Nothing;
                let count = source_ctx.count(count);
                let count = source_query.count(count);
                let input = __private::tool::Input::new(
                    &[source_ctx.shape().whole(), source_query.shape().whole()],
                );
                let input = source_ctx.declare(input, "ctx", __private::Argument::new());
                let input = source_query
                    .declare(input, "query", __private::Argument::new());
                let (layout, schema) = input.finish();
                let definition = __private::tool::definition(
                    "count",
                    schema,
                    output.schema(),
                );
                let tool = ::turbomcp::FnTool::from_request(
                        definition,
                        move |
                            request: __private::CallToolRequest,
                            context: __private::Context|
                        {
                            async move {
                                let (arg_ctx, arg_query) = match __private::tool::read(|| {
                                    let [raw_ctx, raw_query] = layout
                                        .read(request.arguments(), ["ctx", "query"])?;
                                    ::core::result::Result::Ok((
                                        source_ctx.take(&context, raw_ctx)?,
                                        source_query.take(&context, raw_query)?,
                                    ))
                                }) {
                                    ::core::result::Result::Ok(values) => values,
                                    ::core::result::Result::Err(refusal) => return refusal,
                                };
                                output.reply(Self::count(&arg_ctx, arg_query))
                            }
                        },
                    )
                    .typed();
                __private::registered(builder.tool("count", tool))
            };
            builder
        }
    }
};
