package main

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

func newEcho() *echo.Echo {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect() // there is no proxy in front
	e.HTTPErrorHandler = answerError
	return e
}

func health(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }

func listBooks(c *echo.Context) error {
	p, known := echov5.Principal(c)
	return c.JSON(http.StatusOK, map[string]any{"books": []string{"Through the Looking-Glass"}, "member": known && p.Tier == "member"})
}

func listLoans(c *echo.Context) error {
	p, _ := echov5.Principal(c)
	return c.JSON(http.StatusOK, map[string]any{"member": p.Subject, "loans": []string{}})
}

// answerError is the app's own error handler. All errors have the same JSON format.
func answerError(c *echo.Context, err error) {
	if r, e := echo.UnwrapResponse(c.Response()); e == nil && r.Committed {
		return
	}
	status, message := http.StatusInternalServerError, "something went wrong"
	if code := echo.StatusCode(err); code != 0 {
		status, message = code, http.StatusText(code)
	}

	// 5. Sallyport's errors have a status, and their headers (WWW-Authenticate,
	// Retry-After, RateLimit) are already set. The Description of the wrapped
	// *wire.Error is for the client. err.Error() is for the log: it names the cause.
	if refusal, ok := errors.AsType[*wire.Error](err); ok {
		message = refusal.Description
	}
	if status >= http.StatusInternalServerError {
		c.Logger().ErrorContext(c.Request().Context(), "request failed", "error", err)
	}
	_ = c.JSON(status, map[string]any{"status": status, "message": message}) // the client may have disconnected
}
