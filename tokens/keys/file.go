package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ReadFiles reads the keys of all files whose names match one of the patterns, as
// [fs.Glob] has them: of each pattern in turn, and of one pattern in the order of
// the names. A file is a key in PEM (see [FromPEM]), a JWK or a JWK Set of the
// host's own (see [FromJWKS]); a schedule is in the "nbf" and "exp" of a JWK.
//
// A pattern that matches nothing, a file of another kind and one of more than a
// megabyte are errors, and then there are no keys at all: what a host reads into
// a [Ring] is what it has meant.
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
	if fields, err := members(text); err == nil && fields["keys"] != nil {
		return FromJWKS(text)
	}
	k, err := FromJWK(text)
	return []Key{k}, err
}
