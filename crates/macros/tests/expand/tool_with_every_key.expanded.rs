impl<S: Source> WeatherServer<S> {
    #[cfg(feature = "forecast")]
    #[instrument(skip(self))]
    fn forecast(
        &self,
        city: &str,
        days: u8,
        unit: Unit,
        ctx: &Context,
        region: String,
        factor: Option<f64>,
        note: Option<&str>,
    ) -> Result<CallToolResult, WeatherError> {
        self.ask(city, days, unit, ctx, region, factor, note)
    }
    fn ask(&self) {}
}
const _: () = {
    use crate::sdk::__private;
    #[automatically_derived]
    impl<S: Source> crate::sdk::IntoServer for WeatherServer<S> {
        fn into_builder(self) -> crate::sdk::ServerBuilder {
            let this = __private::shared(self);
            let builder = crate::sdk::ServerBuilder::new()
                .name("weather-server")
                .version(::core::env!("CARGO_PKG_VERSION"))
                .title("Weather")
                .description("Says how it will be")
                .instructions(include_str!("instructions.md"))
                .website_url("https://example.com")
                .icons(
                    ::std::vec![__private::Icon::new("https://example.com/weather.png")],
                );
            #[cfg(feature = "forecast")]
            let builder = {
                use __private::tool::probes::*;
                let this = ::std::sync::Arc::clone(&this);
                let output = (&&&&&&&__private::Probe::<
                    Result<CallToolResult, WeatherError>,
                >::new())
                    .ask_output()
                    .fit();
                let source_city = (&&&__private::Probe::<::std::string::String>::new())
                    .ask_parameter()
                    .fit();
                let source_days = (&&__private::Probe::<u8>::new()).ask_argument().fit();
                let source_unit = (&&__private::Probe::<Unit>::new())
                    .ask_argument()
                    .fit();
                let source_ctx = (&&&__private::Probe::<Context>::new())
                    .ask_parameter()
                    .fit();
                let source_region = (&&__private::Probe::<String>::new())
                    .ask_argument()
                    .fit();
                let source_factor = (&&__private::Probe::<Option<f64>>::new())
                    .ask_argument()
                    .fit();
                let source_note = (&&&__private::Probe::<
                    ::core::option::Option<::std::string::String>,
                >::new())
                    .ask_parameter()
                    .fit();
                let default_days = || -> u8 { 3 };
                let default_unit = || -> Unit {
                    <Unit as ::core::default::Default>::default()
                };
                let input = __private::tool::Input::new(
                    &[
                        source_city.shape(),
                        __private::tool::Shape::Member,
                        __private::tool::Shape::Member,
                        source_ctx.shape(),
                        __private::tool::Shape::Member,
                        __private::tool::Shape::Member,
                        source_note.shape(),
                    ],
                );
                let input = source_city
                    .declare(
                        input,
                        "city",
                        __private::Argument::new().description("The city to ask for"),
                    );
                let input = source_days
                    .declare(
                        input,
                        "days",
                        (&&__private::DefaultValue(default_days()))
                            .describe(__private::Argument::new().minimum(1).maximum(14)),
                    );
                let input = source_unit
                    .declare(
                        input,
                        "unit",
                        (&&__private::DefaultValue(default_unit()))
                            .describe(__private::Argument::new()),
                    );
                let input = source_ctx.declare(input, "ctx", __private::Argument::new());
                let input = source_region
                    .declare(
                        input,
                        "region",
                        __private::Argument::new()
                            .min_length(1)
                            .max_length(100 - 1)
                            .pattern("^[a-z]+$")
                            .examples([__private::json("abc")])
                            .header("Region"),
                    );
                let input = source_factor
                    .declare(
                        input,
                        "factor",
                        __private::Argument::new().description("A factor").maximum(2.0),
                    );
                let input = source_note
                    .declare(input, "note", __private::Argument::new());
                let (layout, schema) = input.finish();
                let definition = __private::tool::definition(
                        "forecast.v2",
                        schema,
                        ::core::option::Option::Some(schema()),
                    )
                    .with_title("Forecast")
                    .with_description("Says how it will be")
                    .with_icons(
                        ::std::vec![
                            __private::Icon::new("https://example.com/sun.png"), MOON
                        ],
                    )
                    .with_annotations(
                        __private::ToolAnnotations::new()
                            .with_read_only_hint(true)
                            .with_destructive_hint(false),
                    );
                let tool = crate::sdk::FnTool::from_request(
                        definition,
                        move |
                            request: __private::CallToolRequest,
                            context: __private::Context|
                        {
                            let this = ::std::sync::Arc::clone(&this);
                            async move {
                                let (
                                    arg_city,
                                    arg_days,
                                    arg_unit,
                                    arg_ctx,
                                    arg_region,
                                    arg_factor,
                                    arg_note,
                                ) = match __private::tool::read(|| {
                                    let [raw_city, raw_days, raw_unit, raw_ctx, raw_region,
                                    raw_factor, raw_note] = layout
                                        .read(
                                            request.arguments(),
                                            ["city", "days", "unit", "ctx", "region", "factor", "note"],
                                        )?;
                                    ::core::result::Result::Ok((
                                        source_city.take(&context, raw_city)?,
                                        source_days.take_or(&context, raw_days, default_days)?,
                                        source_unit.take_or(&context, raw_unit, default_unit)?,
                                        source_ctx.take(&context, raw_ctx)?,
                                        source_region.take(&context, raw_region)?,
                                        source_factor.take(&context, raw_factor)?,
                                        source_note.take(&context, raw_note)?,
                                    ))
                                }) {
                                    ::core::result::Result::Ok(values) => values,
                                    ::core::result::Result::Err(refusal) => return refusal,
                                };
                                output
                                    .reply(
                                        Self::forecast(
                                            &*this,
                                            &arg_city,
                                            arg_days,
                                            arg_unit,
                                            &arg_ctx,
                                            arg_region,
                                            arg_factor,
                                            arg_note.as_deref(),
                                        ),
                                    )
                            }
                        },
                    )
                    .typed_arguments()
                    .timeout(::core::time::Duration::from_millis(30000u64))
                    .task(
                        crate::sdk::tasks::ToolTask::required()
                            .deferred()
                            .retry(3)
                            .ttl(::core::time::Duration::from_millis(600000u64))
                            .poll_interval(::core::time::Duration::from_millis(2000u64)),
                    )
                    .tag("weather")
                    .access(
                        crate::sdk::Access::new()
                            .scopes(["weather:read", FORECASTS])
                            .roles(["forecaster", "admin"])
                            .permissions(["satellite:use"])
                            .visible_to_roles(["staff"]),
                    );
                __private::registered(builder.tool("forecast.v2", tool))
            };
            builder
        }
    }
};
