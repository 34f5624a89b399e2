impl Logs {
    /// The log of one day.
    async fn log(
        &self,
        service: &str,
        day: u32,
        lines: usize,
        ctx: &Context,
    ) -> McpResult<String> {
        self.read(service, day, lines, ctx).await
    }
    fn config() -> &'static str {
        "{}"
    }
}
const _: () = {
    use ::turbomcp::__private;
    #[automatically_derived]
    impl ::turbomcp::IntoServer for Logs {
        fn into_builder(self) -> ::turbomcp::ServerBuilder {
            let this = __private::shared(self);
            let builder = ::turbomcp::ServerBuilder::new()
                .name("logs")
                .version(::core::env!("CARGO_PKG_VERSION"));
            let builder = {
                use __private::resource::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&&&&&__private::Probe::<McpResult<String>>::new())
                    .ask_output()
                    .fit();
                let source_service = (&&__private::Probe::<::std::string::String>::new())
                    .ask_text()
                    .fit();
                let source_day = (&&__private::Probe::<u32>::new()).ask_text().fit();
                let source_lines = (&&__private::Probe::<usize>::new()).ask_text().fit();
                let default_lines = || -> usize { 10 };
                let source_ctx = (&&__private::Probe::<Context>::new())
                    .ask_request()
                    .fit();
                let mime_type: ::core::option::Option<&'static str> = ::core::option::Option::Some(
                    "text/plain",
                );
                let definition = __private::ResourceDefinition::new("log")
                    .with_title("Log")
                    .with_description("The log of one day.")
                    .with_mime_type_option(mime_type);
                let resource = ::turbomcp::FnResource::from_request(
                    definition,
                    move |
                        request: __private::ReadResourceRequest,
                        context: __private::Context|
                    {
                        let this = ::std::sync::Arc::clone(&this);
                        async move {
                            let (arg_service, arg_day, arg_lines, arg_ctx) = __private::read(||
                            ::core::result::Result::Ok((
                                source_service
                                    .take(
                                        &context,
                                        __private::Raw::new("service", request.variable("service")),
                                    )?,
                                source_day
                                    .take(
                                        &context,
                                        __private::Raw::new("day", request.variable("day")),
                                    )?,
                                source_lines
                                    .take_or(
                                        &context,
                                        __private::Raw::new("lines", request.variable("lines")),
                                        default_lines,
                                    )?,
                                source_ctx
                                    .take(
                                        &context,
                                        __private::Raw::new("ctx", request.variable("ctx")),
                                    )?,
                            )))?;
                            output
                                .reply(
                                    Self::log(
                                            &*this,
                                            &arg_service,
                                            arg_day,
                                            arg_lines,
                                            &arg_ctx,
                                        )
                                        .await,
                                    request.uri(),
                                    mime_type,
                                )
                        }
                    },
                );
                __private::registered(
                    builder.resource("logs://{service}/{day}{?lines}", resource),
                )
            };
            let builder = {
                use __private::resource::probes::*;
                let output = (&&&&&&__private::Probe::<&'static str>::new())
                    .ask_output()
                    .fit();
                let mime_type: ::core::option::Option<&'static str> = ::core::option::Option::None;
                let definition = __private::ResourceDefinition::new("configuration")
                    .with_size(12);
                let resource = ::turbomcp::FnResource::from_request(
                    definition,
                    move |
                        request: __private::ReadResourceRequest,
                        context: __private::Context|
                    {
                        async move {
                            output.reply(Self::config(), request.uri(), mime_type)
                        }
                    },
                );
                __private::registered(builder.resource("config://app", resource))
            };
            builder
        }
    }
};
