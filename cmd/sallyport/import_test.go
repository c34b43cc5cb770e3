package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestUsersAreImportedWithTheirPasswords(t *testing.T) {
	t.Parallel()
	inSQL(t, func(t *testing.T, s *shell) {
		s.must(t, "migrate up")
		in := s.storage(t)
		for name, text := range map[string]string{
			"users.csv":   "\ufeffid,login,password_hash,tier,seats,scopes,account\r\nu1,\"ada, of London\"," + bcrypt + ",free,3,read write,acme\r\n\r\nu2,grace," + bcrypt + ",,,,\r\n",
			"users.jsonl": `{"id":"u3","login":"kurt","password_hash":"` + bcrypt + `","seats":2,"scopes":["read","write"]}` + "\n\n" + `{"id":"u4","login":"emmy","password_hash":"` + bcrypt + `","account":null}`,
		} {
			s.write(t, name, text)
			if got := s.objects(t, "users import DIR/"+name+" --dry-run"); got[0]["lines"] != 2.0 || got[0]["dry_run"] != true {
				t.Errorf("%s, dry: %v", name, got)
			}
			if got := s.objects(t, "users import DIR/"+name); got[0]["added"] != 2.0 {
				t.Errorf("%s: %v", name, got)
			}
			if got := s.objects(t, "users import DIR/"+name); got[0]["added"] != 0.0 || got[0]["there"] != 2.0 {
				t.Errorf("%s, once more: %v", name, got)
			}
		}
		u, err := in.Authenticate(t.Context(), "ada, of London", "correct horse & battery+staple%20")
		if err != nil || u.ID != "u1" || u.Account != "acme" || u.Tier != "free" || u.Seats != 3 || len(u.Scopes) != 2 {
			t.Errorf("%+v, %v", u, err)
		}
		if u, err := in.User(t.Context(), "u3"); err != nil || u.Seats != 2 || len(u.Scopes) != 2 {
			t.Errorf("%+v, %v", u, err)
		}
		// with the password that she has by now
		if got := s.objects(t, "users import DIR/users.csv"); got[0]["there"] != 2.0 {
			t.Errorf("after a login: %v", got)
		}
		if again, err := in.User(t.Context(), "u1"); err != nil || again.CredentialVersion != u.CredentialVersion {
			t.Errorf("an import has ended her sessions: %+v, %v", again, err)
		}

		s.in = "id,login,password_hash\nu1,other," + bcrypt + "\nu9,grace," + bcrypt + "\nu5,sophie," + bcrypt + "\n"
		r := s.run("users import --json")
		if got := decodeAll(t, r.out); r.code != exitNegative || len(got) != 3 || got[2]["added"] != 1.0 || got[2]["bad"] != 2.0 {
			t.Errorf("conflicts: %v", r)
		}
	})
}

func TestABadLineIsReportedByItsNumberAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_STORE"] = "sqlite:" + s.dir + "/auth.db"
	s.must(t, "migrate up")
	good := "u1,ada," + bcrypt + "\n"
	for name, tt := range map[string]struct{ in, says string }{
		"a hash that cannot be read": {"id,login,password_hash\n" + good + "u2,grace,hunter2xyz\n", "line 3: password_hash: not a readable hash"},
		"no hash":                    {"id,login,password_hash\nu2,grace,\n", "line 2: password_hash: is required"},
		"no login":                   {"id,login,password_hash\nu2,," + bcrypt + "\n", "line 2: login: is required"},
		"an ID twice":                {"id,login,password_hash\n" + good + "u1,grace," + bcrypt + "\n", "line 3: id: must be unique, and line 2 has it too"},
		"a login twice":              {"id,login,password_hash\n" + good + "u2,ada," + bcrypt + "\n", "line 3: login: must be unique"},
		"an ID of another owner":     {"id,login,password_hash\nservice:x,x," + bcrypt + "\n", "line 2: id: must not begin"},
		"too many fields":            {"id,login,password_hash\n" + good + "u2,grace," + bcrypt + ",x\n", "line 3: must have 3 fields"},
		"a quote that does not end":  {"id,login,password_hash\n" + good + "u2,\"grace," + bcrypt + "\n", "line 3: "},
		"a text that is too long":    {"id,login,password_hash\nu2," + strings.Repeat("x", 513) + "," + bcrypt + "\n", "line 2: login: "},
		"seats that are no number":   {"id,login,password_hash,seats\nu2,grace," + bcrypt + ",-1\n", "line 2: seats: "},
		"an unknown column":          {"id,login,password\n", `unknown column "password": the columns are id, login, password_hash`},
		"a column twice":             {"id,login,id\n", `the column "id" stands twice`},
		"nothing":                    {"", "no lines"},
		"a header alone":             {"id,login,password_hash\n", "no lines"},
		"a member twice":             {`{"id":"u1","id":"u2"}` + "\n", "line 1: must be a JSON object"},
		"an unknown member":          {`{"id":"u1","hash":"x"}` + "\n", `line 1: unknown column "hash"`},
		"an object in an object":     {`{"id":{}}` + "\n", "line 1: id: must be a string"},
		"a line that is too long":    {`{"id":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + `{"id":"u1","login":"ada","password_hash":"` + bcrypt + `"}`, "line 1: must have at most"},
	} {
		s.in = tt.in
		r := s.run("users import")
		if r.code != exitNegative && r.code != exitUsage || !strings.Contains(r.out+r.err, tt.says) || strings.Contains(r.out+r.err, "hunter2") {
			t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.out, r.err)
		}
		if _, err := s.storage(t).User(t.Context(), "u1"); err == nil {
			t.Fatalf("%s: the good line was written", name)
		}
	}
	s.in = "id,login,password_hash\n" + good + "u2,grace,!\n"
	s.refuses(t, "users import --skip-bad", exitNegative, "2 lines: 1 added, 0 there already, 1 bad")
	s.env["SALLYPORT_CONFIG"] = s.dir + "/c.json"
	s.write(t, "c.json", `{"tiers":{"free":{"limit":1,"period":"1h"}}}`)
	s.in = "id,login,password_hash,tier\nu3,kurt," + bcrypt + ",gold\n"
	s.refuses(t, "users import", exitNegative, `line 2: tier: must be one of the configuration, got "gold"`)
	s.refuses(t, "users import --host-users", exitUsage, "the host's own table")
}

func TestAnInterruptedImportIsGoneOnWith(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_STORE"] = "sqlite:" + s.dir + "/auth.db"
	s.must(t, "migrate up")
	in := s.storage(t)
	ctx, cancel := context.WithCancel(t.Context())
	text := "id,login,password_hash\n"
	for i := range 30 {
		text += fmt.Sprintf("u%d,l%d,%s\n", i, i, bcrypt)
	}
	s.in = text
	p := &process{stdin: strings.NewReader(text), now: func() time.Time { return s.now }}
	written := 0
	first := firsts{}
	var out strings.Builder
	err := importing[newUser]{
		flags: importFlags{File: stdoutName, Format: "csv"}, workers: 1,
		check: func(r row, complain func(field, format string, args ...any)) newUser {
			return readUser(r, &configuration{}, first, complain)
		},
		write: func(ctx context.Context, u newUser) (bool, error) {
			written++
			if written == 10 {
				cancel()
			}
			err := in.sql.AddUserWithHash(ctx, u.User, u.hash)
			return err == nil, err
		},
	}.run(ctx, p, newOutput(&process{stdout: &out}, false), userColumns)
	if err == nil || !strings.Contains(err.Error(), "the same command goes on with it") || !strings.Contains(out.String(), "9 added") {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got := s.objects(t, "users import"); got[0]["added"] != 21.0 || got[0]["there"] != 9.0 {
		t.Errorf("%v", got)
	}
}

func TestTheMeterEstimates(t *testing.T) {
	t.Parallel()
	now := noon
	var shown strings.Builder
	p := &process{stderr: &shown, progress: true, now: func() time.Time { return now }}
	m := p.meter("users", 4)
	now = now.Add(10 * time.Second)
	m.add()
	m.add() // within a moment: it is not shown
	m.end()
	if want := "\r\x1b[Kusers: 1 of 4, 25%, 30s left\r\x1b[K"; shown.String() != want {
		t.Errorf("shows %q, want %q", shown.String(), want)
	}
	shown.Reset()
	p.progress = false
	m = p.meter("users", 4)
	m.add()
	m.end()
	if shown.String() != "" {
		t.Errorf("where there is no terminal it shows %q", shown.String())
	}
}
