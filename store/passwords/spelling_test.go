package passwords_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
)

const (
	composed   = "caf\u00e9 \u00fc 1"
	decomposed = "cafe\u0301 u\u0308 1"
	mixed      = "caf\u00e9 u\u0308 1"
	wideSpace  = "caf\u00e9\u00a0\u00fc\u30001" // a no-break space and an ideographic one
	oneSpace   = "caf\u00e9 \u00fc 1"
)

func TestFaultB13APasswordIsTheSameHoweverADeviceComposesIt(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	bytewise := cheap
	bytewise.AsTyped = true
	before := newHasher(t, bytewise) // as all hashes were made once

	for name, x := range map[string]struct {
		by            *passwords.Hasher
		stored, typed string
		renew         bool
		want          error
	}{
		"stored and typed composed":                          {h, composed, composed, false, nil},
		"stored composed, typed decomposed":                  {h, composed, decomposed, false, nil},
		"stored from a decomposed one, typed composed":       {h, decomposed, composed, false, nil},
		"stored from a decomposed one, typed so":             {h, decomposed, decomposed, false, nil},
		"stored from a mixed one, typed composed":            {h, mixed, composed, false, nil},
		"stored composed, typed mixed":                       {h, composed, mixed, false, nil},
		"stored from one with other spaces, typed with them": {h, wideSpace, wideSpace, false, nil},
		"stored with spaces, typed with others":              {h, oneSpace, wideSpace, false, nil},
		"stored with other spaces, typed with spaces":        {h, wideSpace, oneSpace, false, nil},
		"stored before, composed, and typed so":              {before, composed, composed, false, nil},
		"stored before, composed, and typed decomposed":      {before, composed, decomposed, false, nil},
		"stored before, decomposed, and typed so":            {before, decomposed, decomposed, true, nil},
		"stored before, decomposed, and typed composed":      {before, decomposed, composed, true, nil},
		"stored before, mixed, and typed so":                 {before, mixed, mixed, true, nil},
		"stored before with other spaces, and typed so":      {before, wideSpace, wideSpace, true, nil},
		"another accent": {h, composed, strings.Replace(composed, "\u00e9", "\u00e8", 1), false, passwords.ErrMismatch},
		"no accent":      {h, composed, "cafe u 1", false, passwords.ErrMismatch},
		"another case":   {h, composed, strings.ToUpper(composed), false, passwords.ErrMismatch},
		"a compatibility form is another password": {h, "fi1", "\ufb011", false, passwords.ErrMismatch},
		"a full-width letter is another password":  {h, "a1", "\uff411", false, passwords.ErrMismatch},
		"invalid UTF-8 is as it is":                {h, "\xff1", "\xff1", false, nil},
		"other invalid UTF-8 is another password":  {h, "\xff1", "\xfe1", false, passwords.ErrMismatch},
		"and so is the replacement character":      {h, "\xff1", "\ufffd1", false, passwords.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			renew, err := h.Verify(t.Context(), hash(t, x.by, x.stored), x.typed)
			if !errors.Is(err, x.want) {
				t.Fatalf("Verify = %v, want %v", err, x.want)
			}
			if renew != x.renew {
				t.Errorf("renew = %t, want %t", renew, x.renew)
			}
		})
	}
	t.Run("with AsTyped it is another password", func(t *testing.T) {
		t.Parallel()
		encoded := hash(t, before, decomposed)
		if renew, err := before.Verify(t.Context(), encoded, decomposed); renew || err != nil {
			t.Errorf("Verify = %t, %v, want false, nil", renew, err)
		}
		if _, err := before.Verify(t.Context(), encoded, composed); !errors.Is(err, passwords.ErrMismatch) {
			t.Errorf("Verify = %v, want ErrMismatch", err)
		}
	})
	t.Run("with a hash of an older scheme", func(t *testing.T) {
		t.Parallel()
		// bcrypt of "café" composed, by PHP 8.2.36.
		const php = "$2y$04$PF373oadWSI9vZZd4c9pfuh5fEvYAyBk1bjQuKFg4wKlY506cz3b."
		if _, err := h.Verify(t.Context(), php, "cafe\u0301"); err != nil {
			t.Errorf("Verify = %v", err)
		}
	})
}
