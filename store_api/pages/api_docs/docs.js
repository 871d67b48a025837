/** Shows the API's document with Swagger UI, all of it from this service. */

window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // A token that was typed in is gone with the page.
  persistAuthorization: false,
  // No badge from a validator elsewhere.
  validatorUrl: null,
});
