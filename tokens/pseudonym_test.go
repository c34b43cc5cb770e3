package tokens_test

import (
	"regexp"
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
)

func TestPseudonym(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[\w-]{22}$`)
	seen := map[string]string{}
	a, twin := open(t), open(t)
	other := open(t, func(c *tokens.Config) { c.RefreshKeys[0] = secret("other", 32) })
	for _, text := range []string{"", "alice", "Alice", "alice\x00", "203.0.113.7"} {
		got := a.Pseudonym(text)
		if !form.MatchString(got) || seen[got] != "" {
			t.Errorf("of %q it is %q, as of %q", text, got, seen[got])
		}
		seen[got] = text
		if again := twin.Pseudonym(text); again != got {
			t.Errorf("of %q it is %q and %q", text, got, again)
		}
		if foreign := other.Pseudonym(text); foreign == got {
			t.Errorf("of %q it is %q with other keys, too", text, got)
		}
	}
}

func TestIsRefreshToken(t *testing.T) {
	t.Parallel()
	a := open(t)
	p := a.login(t)
	token := p.RefreshToken
	if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: token}); err != nil {
		t.Fatal(err)
	}
	if !a.IsRefreshToken(token) {
		t.Error("a spent one is one of ours no more")
	}
	other := open(t, func(c *tokens.Config) { c.RefreshKeys[0] = secret("other", 32) })
	for name, text := range map[string]tokens.Secret{
		"nothing": "", "a longer one": token + "x", "an access token": p.AccessToken, "another host's": other.login(t).RefreshToken,
	} {
		if a.IsRefreshToken(text) {
			t.Errorf("%s is one", name)
		}
	}
}
