module example.com/echov5

go 1.26.0

require (
	github.com/labstack/echo/v5 v5.4.5
	github.com/sallyport-go/sallyport v0.0.0
)

require (
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/ulule/limiter/v3 v3.11.2 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/sallyport-go/sallyport => ../../..
