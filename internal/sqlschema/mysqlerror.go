package sqlschema

import (
	"errors"
	"reflect"
	"slices"
)

// isDeadlock reports whether MySQL has undone a statement because of a deadlock, or since
// a row has changed under a snapshot: ER_LOCK_DEADLOCK and ER_CHECKREAD.
func isDeadlock(err error) bool { return slices.Contains([]uint64{1213, 1020}, ErrorNumber(err)) }

// takesNoWrites reports whether MySQL has refused a statement since it takes no writes:
// ER_OPTION_PREVENTS_STATEMENT (read_only), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION and
// ER_READ_ONLY_MODE.
func takesNoWrites(err error) bool {
	return slices.Contains([]uint64{1290, 1792, 1836}, ErrorNumber(err))
}

// ErrorNumber returns the number of an error of MySQL, 0 if it has none. The drivers for
// MySQL have it in a field and in no method, and this package imports none of them.
func ErrorNumber(err error) uint64 {
	for ; err != nil; err = errors.Unwrap(err) {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range several.Unwrap() {
				if number := ErrorNumber(one); number != 0 {
					return number
				}
			}
			return 0
		}
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		for _, name := range []string{"Number", "Code"} {
			if field := v.FieldByName(name); field.IsValid() && field.CanUint() {
				return field.Uint()
			}
		}
	}
	return 0
}
