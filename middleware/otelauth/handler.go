package otelauth

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Handler returns a handler that measures next and makes a server span for each request,
// as the semantic conventions of OpenTelemetry for HTTP have it. route is the pattern
// under which the host mounts it, for example "POST /login" or "/sessions/{id}": it is
// an attribute, so it must not depend on the request.
//
// A span is a child of the one in the request's context, and otherwise a new trace: what
// a client sends in traceparent is not read. A host that has the middleware of
// OpenTelemetry for net/http or its framework in front needs no Handler.
func (t *Telemetry) Handler(route string, next http.Handler) http.Handler {
	if _, path, ok := strings.Cut(route, " "); ok {
		route = strings.TrimSpace(path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, failed := t.now(), panicked
		what := labels{method: methodOf(r), route: route, scheme: schemeOf(r)}
		ctx, span := t.tracer.Start(r.Context(), spanOf(what), append(t.sets.of(what).start, trace.WithSpanKind(trace.SpanKindServer))...)
		answered := &response{ResponseWriter: w}
		defer func() {
			if failed == "" {
				what.status = answered.code()
				span.SetAttributes(statusKey.Int(what.status))
			}
			if what.status >= http.StatusInternalServerError {
				failed = strconv.Itoa(what.status)
			}
			if failed != "" {
				span.SetAttributes(errorKey.String(failed))
				span.SetStatus(codes.Error, "")
			}
			span.End()
			what.failed = failed
			t.requests.Record(ctx, t.now().Sub(began).Seconds(), t.sets.of(what).record...)
		}()
		next.ServeHTTP(answered, r.WithContext(ctx))
		failed = ""
	})
}

// spanOf returns the name of a span, as the semantic conventions have it.
func spanOf(l labels) string {
	if l.method == other {
		return "HTTP " + l.route
	}
	return l.method + " " + l.route
}

// methodOf returns the method, if it is a known one.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace:
		return r.Method
	case "":
		return http.MethodGet
	}
	return other
}

func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// response remembers the status of a response.
type response struct {
	http.ResponseWriter

	status int
}

// code returns the status that was sent. One that net/http has no text for is that of
// its class, because an upstream may send any.
func (w *response) code() int {
	switch {
	case w.status == 0:
		return http.StatusOK
	case http.StatusText(w.status) == "":
		return w.status / 100 * 100
	}
	return w.status
}

// WriteHeader sends the status.
func (w *response) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status) // first: of a status that is none it panics
	if w.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
}

// Write sends a part of the body.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for handlers that look for an http.Flusher.
func (w *response) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Hijack is for handlers that look for an http.Hijacker.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
