package openapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/openapi"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// newAuth stands for the Auth that a host has.
func newAuth() *middleware.Auth { return authtest.New(new(testing.T)).Auth }

// The host lists what it has mounted, and serves the document.
func Example() {
	auth := newAuth().WithDialect(wire.FastAPI{})
	document, err := openapi.New(openapi.Config{
		Title: "Shop", Version: "1.4",
		Routes: []openapi.Route{
			{Path: "/auth/jwt/login", Operation: openapi.Login, Auth: auth},
			{Path: "/auth/jwt/refresh", Operation: openapi.Refresh, Auth: auth},
			{Path: "/quota", Operation: openapi.Quota, Guard: openapi.Bearer, Auth: auth},
			{Path: "/orders", Method: "GET", Guard: openapi.Protect, Auth: auth},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("/openapi.json", document)

	paths, _ := document.Value()["paths"].(map[string]any)
	refresh, _ := paths["/auth/jwt/refresh"].(map[string]any)
	post, _ := refresh["post"].(map[string]any)
	for _, p := range post["parameters"].([]any) {
		fmt.Println(p)
	}
	// Output:
	// map[description:The refresh token in:header name:refresh-token required:true schema:map[type:string]]
}

// What is wrong is told with the field, such as a handler that the Auth cannot serve.
func ExampleNew() {
	_, err := openapi.New(openapi.Config{
		Title: "Shop", Version: "1.4",
		Routes: []openapi.Route{{Path: "/auth/introspect", Operation: openapi.Introspect, Auth: newAuth()}},
	})
	fmt.Println(err)
	// Output:
	// openapi: Config.Routes[0].Operation: must be one that the Auth can serve: it needs MayIntrospect
}
