package sqlstore

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// micros returns a time as it is stored. A zero time is stored as the first
// microsecond of the year 1, and is read as that.
func micros(at time.Time) int64 { return at.UnixMicro() }

// optional returns an optional time as it is stored: zero is NULL.
func optional(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return micros(at)
}

// instant scans a time that micros or optional stored.
type instant struct{ at *time.Time }

// Scan is for package sql.
func (i instant) Scan(column any) error {
	switch v := column.(type) {
	case int64:
		*i.at = time.UnixMicro(v).UTC()
	case []byte: // older drivers for MySQL, without prepared statements
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return errors.New("a time that is stored as a text")
		}
		*i.at = time.UnixMicro(n).UTC()
	case nil:
		*i.at = time.Time{}
	default:
		return fmt.Errorf("a time that is stored as %T", column)
	}
	return nil
}

// array returns strings as they are stored: in JSON, so that they may contain any
// text.
func array(of []string) string {
	if len(of) == 0 {
		return "[]"
	}
	text, err := json.Marshal(of)
	if err != nil {
		panic(err) // strings cannot fail to marshal
	}
	return string(text)
}

// list scans what array stored. An empty array is read as nil.
type list struct{ of *[]string }

// Scan is for package sql.
func (l list) Scan(column any) error {
	text, err := bytesOf(column)
	if err != nil {
		return err
	}
	*l.of = nil
	var read []string
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("a list that is no JSON: %w", err)
	}
	if len(read) > 0 {
		*l.of = read
	}
	return nil
}

// networkTexts returns networks as they are stored in a list.
func networkTexts(of []netip.Prefix) string {
	texts := make([]string, len(of))
	for i, network := range of {
		texts[i] = network.String()
	}
	return array(texts)
}

// networks scans what networkTexts stored.
type networks struct{ of *[]netip.Prefix }

// Scan is for package sql.
func (n networks) Scan(column any) error {
	var texts []string
	if err := (list{&texts}).Scan(column); err != nil {
		return err
	}
	*n.of = nil
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("a network that is none: %w", err)
		}
		*n.of = append(*n.of, network)
	}
	return nil
}

// digest scans a digest that is stored as its 32 bytes.
type digest struct{ of *store.Digest }

// Scan is for package sql.
func (d digest) Scan(column any) error {
	b, err := bytesOf(column)
	if err == nil && len(b) != len(d.of) {
		err = fmt.Errorf("a digest of %d bytes", len(b))
	}
	copy(d.of[:], b)
	return err
}

// digests scans a list of digests in hexadecimal.
type digests struct{ of *[]store.Digest }

// Scan is for package sql.
func (d digests) Scan(column any) error {
	var texts []string
	if err := (list{&texts}).Scan(column); err != nil {
		return err
	}
	*d.of = nil
	for _, text := range texts {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != len(store.Digest{}) {
			return errors.New("a digest that is not 32 bytes in hexadecimal")
		}
		*d.of = append(*d.of, store.Digest(b))
	}
	return nil
}

// hexes returns digests as they are stored in a list.
func hexes(of []store.Digest) string {
	texts := make([]string, len(of))
	for i, d := range of {
		texts[i] = hex.EncodeToString(d[:])
	}
	return array(texts)
}

// bytesOf returns what a driver returned for a text, or for bytes.
func bytesOf(column any) ([]byte, error) {
	switch v := column.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	return nil, fmt.Errorf("a text that is stored as %T", column)
}
