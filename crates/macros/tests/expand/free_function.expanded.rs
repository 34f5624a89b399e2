/// Adds two numbers.
#[cfg(feature = "add")]
pub(crate) async fn add(a: i64, b: i64) -> i64 {
    a + b
}
#[cfg(feature = "add")]
///Returns the tool that calls [`add`].
#[must_use]
pub(crate) fn add_tool() -> ::turbomcp::FnTool {
    use ::turbomcp::__private;
    use __private::tool::probes::*;
    let output = (&&&&&&&__private::Probe::<i64>::new()).ask_output().fit();
    let source_a = (&&&__private::Probe::<i64>::new()).ask_parameter().fit();
    let source_b = (&&__private::Probe::<i64>::new()).ask_argument().fit();
    let input = __private::tool::Input::new(
        &[source_a.shape(), __private::tool::Shape::Member],
    );
    let input = source_a.declare(input, "a", __private::Argument::new());
    let input = source_b
        .declare(
            input,
            "b",
            __private::Argument::new().description("The second addend"),
        );
    let (layout, schema) = input.finish();
    let definition = __private::tool::definition("add", schema, output.schema())
        .with_description("Adds two numbers.");
    let tool = ::turbomcp::FnTool::from_request(
            definition,
            move |request: __private::CallToolRequest, context: __private::Context| {
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
                    output.reply(add(arg_a, arg_b).await)
                }
            },
        )
        .typed()
        .timeout(Duration::from_secs(1));
    tool
}
