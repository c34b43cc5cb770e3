// Package mariadb reads the URL of a MariaDB server, as examples and tests are given it.
package mariadb

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Config returns the settings that a URL stands for, such as
// mysql://root@127.0.0.1:3306/shop: a statement takes one round trip. The error does not
// contain the URL, which may have a password in it.
func Config(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	c, err := mysql.ParseDSN("tcp(" + net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306")) + ")/" + strings.TrimPrefix(u.Path, "/") + "?" + u.RawQuery)
	if err != nil {
		return nil, errors.New("it has an invalid parameter")
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams = true
	c.Timeout = 5 * time.Second
	return c, nil
}
