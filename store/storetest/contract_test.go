package storetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/storetest"
)

// tested are the interfaces that the suite is about.
var tested = []string{"Users", "Sessions", "APIKeys", "Clients", "Revocations"}

// untested are the sentences of the contract that no rule stands for, and why.
var untested = map[string]string{
	"A password is valid UTF-8 without NUL and at most 4096":         "says what the library does",
	"It is called at each refresh":                                   "says what the library does",
	"An error that is none of ErrNotFound, ErrConflict and":          "says what the library makes of it",
	"Sallyport answers it with 503":                                  "says what the library does",
	"Sentinels may be wrapped":                                       "allows something; the suite takes either, see reference",
	"ErrConflict means that a write was not made":                    "is said again by each method that returns it",
	"ErrBadCredentials means that the login and the":                 "is said again by Authenticate",
	"It deliberately gives no reason.":                               "is said again by Authenticate",
	"Sallyport passes times in UTC, truncated to the":                "says what the library does",
	"A store that deletes expired sessions itself may have fewer to": "allows something; see Fixture.ForgetsExpired",
	"A session that is being written at that moment may be left":     "allows something; the suite does not write what it deletes",
	"A store that deletes them itself may have fewer to delete.":     "allows something; see Fixture.ForgetsExpired",
	"After its time it may be reported either way.":                  "allows something; the suite looks at none after its time",
	"A key that is being written at that moment may be left":         "allows something; the suite does not write what it deletes",
	"After an error some of them may be on the list":                 "allows something",
	"It may omit a session whose AdvancedAt is before since":         "allows something",
	"So what a caller has to deny":                                   "says what the library does",
	"After a call with a later since":                                "allows something",
	"The times at and since are of the caller's clock":               "says what the library does",
	"An error that means that the store failed may have a":           "allows something",
	"The 503 then has that Retry-After.":                             "says what the library does",
	"For a user who has no password, or whose stored hash":           "no fixture stores a hash that cannot be read; each store of ours has a test for it",
	"A host that does not let a user in for a reason of its own":     "allows something",
	"ErrBusy means that this process had no free connection":         "is an error like any other to the suite",
	"It is not a sentinel: the request gets 503":                     "says what the library does",
	"A store may wrap it, and no store must.":                        "allows something",
	"Only texts that Unicode defines as equivalent may count":        "allows something; the suite tries no such text",
}

// TestContract keeps the suite and the comments of package store together: each
// rule quotes the contract, and each sentence of the contract has a rule.
func TestContract(t *testing.T) {
	t.Parallel()
	contract := readContract(t)
	all := strings.Join(contract, " ")
	for _, r := range storetest.Rules() {
		if !strings.Contains(all, r.Says) {
			t.Errorf("the rule %q quotes what package store does not say: %s", r.Name, r.Says)
		}
	}
	for beginning, why := range untested {
		if !slices.ContainsFunc(contract, func(sentence string) bool { return strings.HasPrefix(sentence, beginning) }) {
			t.Errorf("package store no longer says %q, which needed no rule because it %s", beginning, why)
		}
	}
	for _, sentence := range contract {
		if !hasRule(sentence) {
			t.Errorf("no rule stands for: %s", sentence)
		}
	}
}

func hasRule(sentence string) bool {
	for beginning := range untested {
		if strings.HasPrefix(sentence, beginning) {
			return true
		}
	}
	return slices.ContainsFunc(storetest.Rules(), func(r storetest.Rule) bool {
		return strings.Contains(sentence, r.Says) || strings.Contains(r.Says, sentence)
	})
}

// readContract returns, sentence by sentence, what package store says of every
// method, of each, and of its errors.
func readContract(t *testing.T) (sentences []string) {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		_, general, _ := strings.Cut(file.Doc.Text(), "# What holds for every method")
		sentences = append(sentences, split(general)...)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if i, ok := n.Type.(*ast.InterfaceType); ok && slices.Contains(tested, n.Name.Name) {
					for _, method := range i.Methods.List {
						sentences = append(sentences, split(method.Doc.Text())...)
					}
				}
			case *ast.ValueSpec:
				if strings.HasPrefix(n.Names[0].Name, "Err") {
					sentences = append(sentences, split(n.Doc.Text())...)
				}
			}
			return true
		})
	}
	return sentences
}

var endOfSentence = regexp.MustCompile(`\.\s+`)

func split(text string) (sentences []string) {
	for _, s := range endOfSentence.Split(text, -1) {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			sentences = append(sentences, s+".")
		}
	}
	return sentences
}
