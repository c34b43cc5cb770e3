package tokens

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// Page selects a part of a list. The zero value is the first page.
type Page struct {
	// After is where the page begins: the next of the page before. It stays good when
	// what it was made from has ended. Empty: the beginning of the list.
	After string

	// Limit is the maximum length of the page, 1 to 1000. Zero: 100.
	Limit int
}

const defaultLimit = 100

// cursor returns where the page begins and how long it is.
func (p Page) cursor() (after store.Cursor, limit int, err error) {
	limit = p.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < 1 || limit > store.MaxPage {
		return store.Cursor{}, 0, fmt.Errorf("%w: the limit of a page must be 1 to %d, got %d", ErrMalformed, store.MaxPage, p.Limit)
	}
	if p.After == "" {
		return store.Newest(), limit, nil
	}
	b, err := strict.DecodeString(p.After)
	if err != nil || len(b) < 8 || !isStoreID(string(b[8:])) {
		return store.Cursor{}, 0, fmt.Errorf("%w: the beginning of a page", ErrMalformed)
	}
	micros := int64(binary.BigEndian.Uint64(b)) //nolint:gosec // as next has written it
	return store.Cursor{CreatedAt: time.UnixMicro(micros).UTC(), ID: string(b[8:])}, limit, nil
}

// next returns the After of the page behind a full one.
func next(c store.Cursor) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro()))
	return b64(append(b, c.ID...))
}
