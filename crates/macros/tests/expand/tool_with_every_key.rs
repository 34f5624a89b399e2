#[server(
    title = "Weather",
    description = "Says how it will be",
    instructions = include_str!("instructions.md"),
    website_url = "https://example.com",
    icons = ["https://example.com/weather.png"],
    crate = crate::sdk,
)]
impl<S: Source> WeatherServer<S> {
    #[cfg(feature = "forecast")]
    #[instrument(skip(self))]
    #[tool(
        name = "forecast.v2",
        title = "Forecast",
        description = "Says how it will be",
        read_only,
        destructive = false,
        icons = ["https://example.com/sun.png", MOON],
        tags = ["weather"],
        scopes("weather:read", FORECASTS),
        roles("forecaster", "admin"),
        permissions("satellite:use"),
        visible_to_roles("staff"),
        timeout = "30s",
        task(required, deferred, retry = 3, ttl = "10m", poll_interval = "2s"),
        output_schema = schema(),
    )]
    fn forecast(
        &self,
        /// The city to ask for
        city: &str,
        #[arg(range = 1..=14, default = 3)] days: u8,
        #[arg(default)] unit: Unit,
        ctx: &Context,
        #[arg(length = 1..100, pattern = "^[a-z]+$", example = "abc", header = "Region")] region: String,
        #[validate(range(max = 2.0))]
        #[schemars(description = "A factor")]
        factor: Option<f64>,
        note: Option<&str>,
    ) -> Result<CallToolResult, WeatherError> {
        self.ask(city, days, unit, ctx, region, factor, note)
    }

    fn ask(&self) {}
}
