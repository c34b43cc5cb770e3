package clientip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

var (
	errHop       = errors.New("an entry is not an address")
	errForwarded = errors.New("an entry is not a forwarded-element of RFC 7239 §4")
	errNoFor     = errors.New("an entry has no for parameter")
)

// cutListed cuts the last entry off a list with commas.
func cutListed(line string) (rest, entry string, more bool) {
	i := strings.LastIndexByte(line, ',')
	return line[:max(i, 0)], line[i+1:], i >= 0
}

// parseHop parses an address with or without a port. IPv6 is in brackets or,
// without a port, bare.
func parseHop(entry string) (netip.Addr, error) {
	entry = strings.Trim(entry, " \t")
	host := entry
	switch bracket := strings.IndexByte(entry, ']'); {
	case bracket >= 0:
		if entry[0] != '[' || !isPort(entry[bracket+1:]) {
			return netip.Addr{}, errHop
		}
		host = entry[1:bracket]
		if !strings.Contains(host, ":") {
			return netip.Addr{}, errHop
		}
	case strings.Count(entry, ":") == 1:
		i := strings.IndexByte(entry, ':')
		if !isPort(entry[i:]) {
			return netip.Addr{}, errHop
		}
		host = entry[:i]
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Addr{}, errHop // err would quote what the client sent
	}
	return a.Unmap(), nil
}

// isPort reports whether s is empty, or a colon and a port, which may be an
// obfuscated one (RFC 7239 §6.3).
func isPort(s string) bool {
	if s == "" {
		return true
	}
	port, ok := strings.CutPrefix(s, ":")
	if hidden, is := strings.CutPrefix(port, "_"); is {
		return ok && isFieldName(hidden)
	}
	_, err := strconv.ParseUint(port, 10, 16)
	return ok && err == nil
}

// cutElement cuts the last forwarded-element off a line of RFC 7239 §4. It reads
// backwards, because only the end of the line is written by the trusted proxy: a
// quote that a client opens at the beginning must not hide that end.
func cutElement(line string) (rest, element string, more bool) {
	quoted := false
	for i := len(line) - 1; i >= 0; i-- {
		switch {
		case line[i] == ',' && !quoted:
			return line[:i], line[i+1:], true
		case line[i] == '"' && (!quoted || !isEscaped(line, i)):
			quoted = !quoted
		}
	}
	return "", line, false
}

// isEscaped reports whether an odd number of backslashes precedes i.
func isEscaped(s string, i int) bool {
	before := s[:i]
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// parseElement parses the for parameter of a forwarded-element.
func parseElement(element string) (netip.Addr, error) {
	var node string
	found := false
	for rest := strings.Trim(element, " \t"); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || !isFieldName(name) {
			return netip.Addr{}, errForwarded
		}
		value, after, ok := cutValue(after)
		if !ok {
			return netip.Addr{}, errForwarded
		}
		if strings.EqualFold(name, "for") {
			if found { // §4: once
				return netip.Addr{}, errForwarded
			}
			node, found = value, true
		}
		rest = after
	}
	if !found {
		return netip.Addr{}, errNoFor
	}
	if strings.Count(node, ":") > 1 && node[0] != '[' { // §6: IPv6 has brackets
		return netip.Addr{}, errHop
	}
	return parseHop(node)
}

// cutValue cuts a token or a quoted-string off s, and the semicolon after it.
func cutValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		value, rest, _ = strings.Cut(s, ";")
		// some proxies forget the quotes: colons and brackets are accepted
		return value, rest, value != "" && !strings.ContainsAny(value, "\" \t\\,=")
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			rest = s[i+1:]
			if rest == "" {
				return text.String(), "", true
			}
			return text.String(), rest[1:], rest[0] == ';'
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
		}
		text.WriteByte(s[i])
	}
	return "", "", false
}

// isFieldName reports whether s is a token of RFC 9110 §5.6.2.
func isFieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
