package redisstore

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// record is a hash in Redis. A number is in decimal, a time in microseconds since
// 1970, a list in JSON. An empty text is omitted.
type record map[string]string

// fields are the fields of a record as arguments of a command.
type fields []any

func (f *fields) text(name, value string) {
	if value != "" {
		*f = append(*f, name, value)
	}
}

func (f *fields) number(name string, value int64) { *f = append(*f, name, value) }

func (f *fields) time(name string, value time.Time) { *f = append(*f, name, value.UnixMicro()) }

// moment adds a time, unless it is zero.
func (f *fields) moment(name string, value time.Time) {
	if !value.IsZero() {
		f.time(name, value)
	}
}

func (f *fields) list(name string, value []string) {
	if len(value) == 0 {
		return
	}
	text, _ := json.Marshal(value) // strings cannot fail
	*f = append(*f, name, text)
}

func (f *fields) networks(name string, value []netip.Prefix) {
	texts := make([]string, len(value))
	for i, network := range value {
		texts[i] = network.String()
	}
	f.list(name, texts)
}

// reader reads the fields of a record, and keeps the first error.
type reader struct {
	record

	err error
}

func (r *reader) failed(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("the record's field %q cannot be read", name) // not its value, which may be personal
	}
}

func (r *reader) number(name string) int64 {
	n, err := strconv.ParseInt(r.record[name], 10, 64)
	if err != nil {
		r.failed(name)
	}
	return n
}

func (r *reader) time(name string) time.Time { return time.UnixMicro(r.number(name)).UTC() }

func (r *reader) moment(name string) time.Time {
	if _, ok := r.record[name]; !ok {
		return time.Time{}
	}
	return r.time(name)
}

func (r *reader) list(name string) []string {
	text, ok := r.record[name]
	if !ok {
		return nil
	}
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		r.failed(name)
	}
	return list
}

func (r *reader) networks(name string) (networks []netip.Prefix) {
	for _, text := range r.list(name) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			r.failed(name) // rather than a key without it, which could be used anywhere
		}
		networks = append(networks, network)
	}
	return networks
}
