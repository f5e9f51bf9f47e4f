// Shows the document of this node. A token that is typed in stays in this page and is gone with it.
SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  showExtensions: true,
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
});
