impl Calculator {
    /// Adds two numbers.
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}
const _: () = {
    use ::turbomcp::__private;
    #[automatically_derived]
    impl ::turbomcp::IntoServer for Calculator {
        fn into_builder(self) -> ::turbomcp::ServerBuilder {
            let this = __private::shared(self);
            let builder = ::turbomcp::ServerBuilder::new()
                .name("calculator")
                .version("1.0.0");
            let builder = {
                use __private::tool::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&&&&&&__private::Probe::<i64>::new()).ask_output().fit();
                let source_a = (&&&__private::Probe::<i64>::new()).ask_parameter().fit();
                let source_b = (&&&__private::Probe::<i64>::new()).ask_parameter().fit();
                let input = __private::tool::Input::new(
                    &[source_a.shape(), source_b.shape()],
                );
                let input = source_a.declare(input, "a", __private::Argument::new());
                let input = source_b.declare(input, "b", __private::Argument::new());
                let (layout, schema) = input.finish();
                let definition = __private::tool::definition(
                        "add",
                        schema,
                        output.schema(),
                    )
                    .with_description("Adds two numbers.");
                let tool = ::turbomcp::FnTool::from_request(
                        definition,
                        move |
                            request: __private::CallToolRequest,
                            context: __private::Context|
                        {
                            let this = ::std::sync::Arc::clone(&this);
                            async move {
                                let (arg_a, arg_b) = match __private::tool::read(|| {
                                    let [raw_a, raw_b] = layout
                                        .read(request.arguments(), ["a", "b"])?;
                                    ::core::result::Result::Ok((
                                        source_a.take(&context, raw_a)?,
                                        source_b.take(&context, raw_b)?,
                                    ))
                                }) {
                                    ::core::result::Result::Ok(values) => values,
                                    ::core::result::Result::Err(refusal) => return refusal,
                                };
                                output.reply(Self::add(&*this, arg_a, arg_b).await)
                            }
                        },
                    )
                    .typed();
                __private::registered(builder.tool("add", tool))
            };
            builder
        }
    }
};
