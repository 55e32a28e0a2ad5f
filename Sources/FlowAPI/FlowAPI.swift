// FlowAPI: the HTTP edge. It takes requests apart, finds out who asks, lets the engine or a port decide, and shows the result.
//
// `Routing/` has the one table of routes (`Routes.swift`): authentication, authorisation, `/openapi.json` and the role matrix of
// the docs are all read from it. A route that is not in the table does not exist; one without an access rule does not compile.
// `Body/` reads and writes JSON, `Handlers/` one family of routes a file, `Streams/` what stays open, `Views/` rows as people see
// them (secrets redacted), `Ports.swift` what the composition root must bring.
//
// What it must not do: decide. States, votes and retries are the engine's; inputs, selectors and secrets are behind the ports.
