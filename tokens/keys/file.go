package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

// ReadFiles reads the keys of all files whose names match one of the patterns of
// [fs.Glob], for example "keys/*.pem". The order is that of the patterns, and for
// one pattern that of the names. A file is a key in PEM (see [FromPEM]), a JWK,
// or a JWK Set of the host's own (see [FromJWKS]). A schedule is in the "nbf" and
// "exp" of a JWK.
//
// It returns an error, and no keys, if a pattern matches no file, if a file has
// another format, or if a file is larger than 1 MiB. NewSet and NewRing check the
// keys themselves.
func ReadFiles(fsys fs.FS, patterns ...string) ([]Key, error) {
	var keys []Key
	for _, pattern := range patterns {
		names, err := fs.Glob(fsys, pattern)
		if err != nil {
			return nil, fmt.Errorf("keys: %q: %w", pattern, err)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("keys: %q: no such file", pattern)
		}
		for _, name := range names {
			more, err := readKeys(fsys, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			keys = append(keys, more...)
		}
	}
	return keys, nil
}

func readKeys(fsys fs.FS, name string) ([]Key, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxJWKS+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(text) > maxJWKS {
		return nil, fmt.Errorf("keys: must be at most %d bytes", maxJWKS)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		k, err := FromPEM("", text)
		return []Key{k}, err
	}
	if fields, err := strictjson.Members(text); err == nil && fields["keys"] != nil {
		return FromJWKS(text)
	}
	k, err := FromJWK(text)
	return []Key{k}, err
}
