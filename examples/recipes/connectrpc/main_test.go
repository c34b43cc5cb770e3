package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse & battery"

// protocols are those of the clients, and what they run over.
var protocols = map[string]struct {
	option connect.ClientOption
	over   *http.Protocols
}{
	"Connect":               {connect.WithClientOptions(), nil},
	"Connect, in JSON":      {connect.WithProtoJSON(), nil},
	"Connect, over HTTP/2":  {connect.WithClientOptions(), http2()},
	"gRPC":                  {connect.WithGRPC(), http2()},
	"gRPC-Web":              {connect.WithGRPCWeb(), nil},
	"gRPC-Web, over HTTP/2": {connect.WithGRPCWeb(), http2()},
}

func http2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// failing is a deny list that does not answer.
type failing struct{ store.Revocations }

func (failing) SessionDenied(context.Context, string) (bool, error) {
	return false, errors.New("the deny list is down")
}

// calls are the procedures, each in one call: it returns the error of the whole of it.
func calls(client *http.Client, base string, option connect.ClientOption) map[string]func(context.Context, string) error {
	read := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](client, base+readNote, option)
	write := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](client, base+writeNote, option)
	other := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](client, base+"/notes.v1.Notes/Other", option)
	watch := connect.NewClient[emptypb.Empty, wrapperspb.Int64Value](client, base+watchNotes, option)
	unary := func(c *connect.Client[wrapperspb.StringValue, emptypb.Empty]) func(context.Context, string) error {
		return func(ctx context.Context, access string) error {
			_, err := c.CallUnary(ctx, with(access, wrapperspb.String("note 1")))
			return err
		}
	}
	return map[string]func(context.Context, string) error{
		"read": func(ctx context.Context, access string) error {
			response, err := read.CallUnary(ctx, with(access, wrapperspb.String("note 1")))
			if err == nil && (response.Msg.GetValue() != "note 1 of u-1" || response.Header().Get("RateLimit") == "") {
				err = errors.New(response.Msg.GetValue())
			}
			return err
		},
		"write": unary(write),
		"other": unary(other),
		"watch": func(ctx context.Context, access string) error {
			stream, err := watch.CallServerStream(ctx, with(access, &emptypb.Empty{}))
			if err != nil {
				return err
			}
			defer func() { _ = stream.Close() }()
			for stream.Receive() {
			}
			return stream.Err()
		},
	}
}

func with[T any](access string, message *T) *connect.Request[T] {
	r := connect.NewRequest(message)
	if access != "" {
		r.Header().Set("Authorization", "Bearer "+access)
	}
	return r
}

func TestCallsAreAnsweredInTheProtocolOfTheClient(t *testing.T) {
	t.Parallel()
	for protocol, p := range protocols {
		for name, test := range map[string]struct {
			scopes    []string
			change    func(*tokens.Config)
			anonymous bool
			before    int // calls
			procedure string
			code      connect.Code // 0: none
			header    string       // of the refusal
			value     string       // in this header
		}{
			"a procedure is called":                  {scopes: []string{"read"}, procedure: "read"},
			"a call without a token":                 {anonymous: true, procedure: "read", code: connect.CodeUnauthenticated, header: "WWW-Authenticate", value: `Bearer realm=`},
			"a stream without a token":               {anonymous: true, procedure: "watch", code: connect.CodeUnauthenticated, header: "WWW-Authenticate", value: `Bearer realm=`},
			"a call without the scope":               {scopes: []string{"read"}, procedure: "write", code: connect.CodePermissionDenied, header: "WWW-Authenticate", value: `scope="read write"`},
			"a stream without the scope":             {procedure: "watch", code: connect.CodePermissionDenied, header: "WWW-Authenticate", value: `scope="read"`},
			"a call above the limit":                 {scopes: []string{"read"}, before: 20, procedure: "read", code: connect.CodeResourceExhausted, header: "Retry-After", value: "3"},
			"a stream above the limit":               {scopes: []string{"read"}, before: 20, procedure: "watch", code: connect.CodeResourceExhausted, header: "RateLimit", value: `"free";r=0`},
			"a call while the deny list fails":       {scopes: []string{"read"}, change: denyListFails, procedure: "read", code: connect.CodeUnavailable, header: "Retry-After", value: "5"},
			"a stream while the deny list fails":     {scopes: []string{"read"}, change: denyListFails, procedure: "watch", code: connect.CodeUnavailable, header: "Retry-After", value: "5"},
			"a procedure that requires nothing":      {scopes: []string{"read"}, procedure: "other", code: connect.CodeUnimplemented},
			"a stream whose token expires meanwhile": {scopes: []string{"read"}, change: aMinute, procedure: "watch", code: connect.CodeUnauthenticated},
		} {
			t.Run(protocol+": "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					users := hosttest.Users(t, time.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free", Scopes: test.scopes})
					service, err := newService(config{origin: "https://notes.example", users: users, now: time.Now, log: slog.New(slog.DiscardHandler), change: test.change})
					if err != nil {
						t.Fatal(err)
					}
					h := hosttest.Pipe(t, service, p.over)
					access := ""
					if !test.anonymous {
						access = h.Post(t, "/login", "username", "ada", "password", password).Pair(t).Access
					}
					call := calls(h.Client(), h.URL(""), p.option)
					for range test.before {
						if err := call["read"](t.Context(), access); err != nil {
							t.Fatal(err)
						}
					}
					began := time.Now()
					err = call[test.procedure](t.Context(), access)
					e, refused := errors.AsType[*connect.Error](err)
					if refused != (test.code != 0) || refused && e.Code() != test.code {
						t.Fatalf("got %v, want the code %v", err, test.code)
					}
					if refused && !strings.Contains(e.Meta().Get(test.header), test.value) {
						t.Errorf("%s is %q in %v, want %q", test.header, e.Meta().Get(test.header), e.Meta(), test.value)
					}
					if lasted := time.Since(began); refused && e.Message() == errExpired.Error() && lasted != time.Minute {
						t.Errorf("the stream lasted %v, want a minute", lasted)
					}
				})
			})
		}
	}
}

func denyListFails(c *tokens.Config) { c.Revocations = failing{c.Revocations} }

func aMinute(c *tokens.Config) { c.AccessTTL = time.Minute }
