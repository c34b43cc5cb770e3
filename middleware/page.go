package middleware

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// pageParams are the parameters of a list.
var pageParams = []wire.Param{
	{In: "query", Name: "limit", Type: typeInteger, Least: 1, Most: store.MaxPage},
	{In: "query", Name: "after"},
}

// pageOf reads which page of a list a request asks for: the parameters limit and
// after of its URL, each once at most.
func pageOf(r *http.Request) (p tokens.Page, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["limit"]) > 1 || len(query["after"]) > 1 {
		return p, wire.NewError(wire.ReasonMalformed, err)
	}
	p.After = query.Get("after")
	if !query.Has("limit") {
		return p, nil
	}
	if p.Limit, err = strconv.Atoi(query.Get("limit")); err != nil || p.Limit < int(pageParams[0].Least) { // 0 would be the default
		return p, wire.NewError(wire.ReasonMalformed, err)
	}
	return p, nil
}
