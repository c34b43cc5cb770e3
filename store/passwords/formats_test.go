package passwords_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// vector is a hash that another program has made.
type vector struct {
	System   string // that hosts come from
	Form     string // how its rows look
	By       string // the program and its version, or where it was published
	Password string
	Hash     string
	Pepper   string
}

// foreign reads testdata/foreign.json. None of its vectors was made with code of
// this package, or with x/crypto. Those that say "published" stand in the named
// project's own tests or manual; all others came from running the program.
func foreign(tb testing.TB) []vector {
	tb.Helper()
	text, err := os.ReadFile("testdata/foreign.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all []vector
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// withPepper is cheap with the pepper of a vector.
func withPepper(tb testing.TB, pepper string) *passwords.Hasher {
	tb.Helper()
	c := cheap
	c.BcryptPepper = pepper
	return newHasher(tb, c)
}

func TestFaultC12HashesOfOtherSystemsAreRead(t *testing.T) {
	t.Parallel()
	for _, v := range foreign(t) {
		t.Run(v.System+" "+v.Form+" by "+v.By, func(t *testing.T) {
			t.Parallel()
			h := withPepper(t, v.Pepper)
			if renew, err := h.Verify(t.Context(), v.Hash, v.Password); !renew || err != nil {
				t.Errorf("Verify = %t, %v, want true, nil", renew, err)
			}
			if _, work := passwords.Cost(v.Hash); work > 20_000 {
				return // another of its scheme is tried with a wrong password
			}
			if renew, err := h.Verify(t.Context(), v.Hash, v.Password+" "); renew || !errors.Is(err, passwords.ErrMismatch) {
				t.Errorf("Verify of a wrong password = %t, %v, want false, ErrMismatch", renew, err)
			}
		})
	}
}

func TestAPepperIsPartOfItsHashesOnly(t *testing.T) {
	t.Parallel()
	for _, v := range foreign(t) {
		if v.Pepper == "" {
			continue
		}
		if _, err := withPepper(t, "").Verify(t.Context(), v.Hash, v.Password); len(v.Password) < 72 && !errors.Is(err, passwords.ErrMismatch) {
			t.Errorf("%s without its pepper: Verify = %v, want ErrMismatch", v.By, err)
		}
		h := withPepper(t, v.Pepper)
		if _, err := h.Verify(t.Context(), v.Hash, v.Password+v.Pepper); len(v.Pepper) < 72 && !errors.Is(err, passwords.ErrMismatch) {
			t.Errorf("%s with the pepper typed: Verify = %v, want ErrMismatch", v.By, err)
		}
		renewed := hash(t, h, v.Password)
		if _, err := withPepper(t, "").Verify(t.Context(), renewed, v.Password); err != nil {
			t.Errorf("%s, renewed, wants the pepper still: %v", v.By, err)
		}
		if _, err := h.Verify(t.Context(), "{bcrypt}"+v.Hash, v.Password); len(v.Password) < 72 && !errors.Is(err, passwords.ErrMismatch) {
			t.Errorf("the pepper is in a hash of Spring: Verify = %v, want ErrMismatch", err)
		}
	}
}

var update = flag.Bool("update", false, "write the table of formats into the docs")

const (
	page  = "../../docs/migrating-passwords.md"
	begin = "<!-- table: go test ./store/passwords -run TestTheTableOfFormats -update -->\n"
	end   = "<!-- end of table -->\n"
)

func TestTheTableOfFormatsIsWhatTheTestDataSay(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ends := strings.Cut(rest, end)
	if !ok || !ends {
		t.Fatalf("%s has no table between %q and %q", page, begin, end)
	}
	want := table(foreign(t))
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the table is not what the test data say; run what its first line says")
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a page of documentation
		t.Fatal(err)
	}
}

// table is a row for each form of each system, with who has vouched for it.
func table(all []vector) string {
	var b strings.Builder
	b.WriteString("\n| written by | form | the test's hashes come from |\n|---|---|---|\n")
	for i := 0; i < len(all); {
		v := all[i]
		var by []string
		for ; i < len(all) && all[i].System == v.System && all[i].Form == v.Form; i++ {
			if !slices.Contains(by, all[i].By) {
				by = append(by, all[i].By)
			}
		}
		form, note, _ := strings.Cut(v.Form, ", ")
		if strings.Contains(form, "..") || strings.ContainsAny(form, "${:") {
			form = v.Form
			if f, n, ok := strings.Cut(v.Form, ".., "); ok {
				form, note = f+"..", n
			} else {
				note = ""
			}
			form = "`" + form + "`"
		}
		if note != "" {
			form += ", " + note
		}
		b.WriteString("| " + v.System + " | " + form + " | " + strings.Join(by, "; ") + " |\n")
	}
	b.WriteString("\n")
	return b.String()
}
