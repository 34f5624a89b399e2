impl Reviews {
    /// Asks for a review.
    fn review(&self, code: String, language: Option<Language>, ctx: Context) -> String {
        format!("{code} {language:?} {ctx:?}")
    }
    async fn languages(&self, typed: &str, code: Option<String>) -> Vec<String> {
        self.complete(typed, code).await
    }
}
const _: () = {
    use ::turbomcp::__private;
    #[automatically_derived]
    impl ::turbomcp::IntoServer for Reviews {
        fn into_builder(self) -> ::turbomcp::ServerBuilder {
            let this = __private::shared(self);
            let builder = ::turbomcp::ServerBuilder::new()
                .name("reviews")
                .version(::core::env!("CARGO_PKG_VERSION"));
            let builder = {
                use __private::prompt::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&__private::Probe::<String>::new()).ask_output().fit();
                let mut arguments = ::std::vec::Vec::new();
                let source_code = (&&__private::Probe::<String>::new()).ask_text().fit();
                source_code
                    .list(
                        &mut arguments,
                        __private::PromptArgument::new("code")
                            .with_description("The code to read"),
                    );
                let source_language = (&&&__private::Probe::<Option<Language>>::new())
                    .ask_parameter()
                    .fit();
                source_language
                    .list(&mut arguments, __private::PromptArgument::new("language"));
                let source_ctx = (&&&__private::Probe::<Context>::new())
                    .ask_parameter()
                    .fit();
                source_ctx.list(&mut arguments, __private::PromptArgument::new("ctx"));
                let definition = __private::Prompt::new("review")
                    .with_arguments(arguments)
                    .with_description("Asks for a review.");
                let prompt = ::turbomcp::FnPrompt::from_request(
                    definition,
                    move |
                        request: __private::GetPromptRequest,
                        context: __private::Context|
                    {
                        let this = ::std::sync::Arc::clone(&this);
                        async move {
                            let (arg_code, arg_language, arg_ctx) = __private::read(|| ::core::result::Result::Ok((
                                source_code
                                    .take(
                                        &context,
                                        __private::Raw::new("code", request.argument("code")),
                                    )?,
                                source_language
                                    .take(
                                        &context,
                                        __private::Raw::new(
                                            "language",
                                            request.argument("language"),
                                        ),
                                    )?,
                                source_ctx
                                    .take(
                                        &context,
                                        __private::Raw::new("ctx", request.argument("ctx")),
                                    )?,
                            )))?;
                            output
                                .reply(
                                    Self::review(&*this, arg_code, arg_language, arg_ctx),
                                )
                        }
                    },
                );
                __private::registered(builder.prompt("review", prompt))
            };
            let builder = {
                use __private::completion::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&__private::Probe::<Vec<String>>::new())
                    .ask_output()
                    .fit();
                let source_typed = (&&&__private::Probe::<::std::string::String>::new())
                    .ask_parameter()
                    .fit();
                let source_code = (&&&__private::Probe::<Option<String>>::new())
                    .ask_parameter()
                    .fit();
                let count = __private::Nothing;
                let count = source_typed.count(count);
                __private::registered(
                    builder
                        .completion(
                            __private::CompletionReference::prompt("review"),
                            "language",
                            move |
                                request: __private::CompleteRequest,
                                context: __private::Context|
                            {
                                let this = ::std::sync::Arc::clone(&this);
                                async move {
                                    let (arg_typed, arg_code) = __private::read(|| ::core::result::Result::Ok((
                                        source_typed
                                            .take(
                                                &context,
                                                __private::Raw::new(
                                                    "typed",
                                                    ::core::option::Option::Some(request.value()),
                                                ),
                                            )?,
                                        source_code
                                            .take(
                                                &context,
                                                __private::Raw::new("code", request.context("code")),
                                            )?,
                                    )))?;
                                    output
                                        .reply(Self::languages(&*this, &arg_typed, arg_code).await)
                                }
                            },
                        ),
                )
            };
            builder
        }
    }
};
