// Everything that would ask another server is off: fonts, telemetry, the request proxy, the
// assistant and the registry. Requests tried on the page go straight to this server.
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
})
