// Package mysqldsn turns the URL of a MariaDB or MySQL server into the DSN of
// go-sql-driver/mysql.
package mysqldsn

import (
	"cmp"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Config returns the settings that a URL stands for, such as
// mysql://app:secret@db.example.com:3306/shop. Its query has parameters of the driver. A
// statement takes one round trip, and a server that takes no writes is left.
func Config(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Hostname() == "" {
		return nil, errors.New("must be mysql://user:password@host:port/database") // without the value, which may have a password
	}
	c, err := mysql.ParseDSN("/" + strings.TrimPrefix(u.EscapedPath(), "/") + "?" + u.RawQuery)
	if err != nil {
		return nil, err
	}
	c.Net, c.Addr = "tcp", u.Hostname()+":"+cmp.Or(u.Port(), "3306")
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams, c.RejectReadOnly = true, true
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	return c, nil
}
