package measure

import (
	"fmt"
	"strconv"
	"strings"
)

// Numbers is a flag of comma-separated numbers above zero; "" is none.
type Numbers []int

func (n *Numbers) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*n), " ", ","), "[]")
}

// Set implements flag.Value.
func (n *Numbers) Set(text string) error {
	*n = nil
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		i, err := strconv.Atoi(part)
		if err != nil || i < 1 {
			return fmt.Errorf("%q is no number of things", part)
		}
		*n = append(*n, i)
	}
	return nil
}
