package schema

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxProduct bounds the elements that setproduct makes, maxWidth the widths
// and precisions in formats and the spaces of indent.
const (
	maxProduct = 1_000_000
	maxWidth   = 10_000
)

// checked is f with a check of its arguments before it runs. check sees only
// arguments that are wholly known and not null.
func checked(f function.Function, check func(args []cty.Value) error) function.Function {
	verify := func(args []cty.Value) error {
		for _, a := range args {
			if !a.IsWhollyKnown() || a.IsNull() || a.ContainsMarked() {
				return nil
			}
		}
		return check(args)
	}
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := verify(args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// guarded is a decoder that refuses text that nests too deeply for its
// recursion.
func guarded(decode function.Function) function.Function {
	return checked(decode, func(args []cty.Value) error {
		if args[0].Type() == cty.String && nestsTooDeeply(args[0].AsString()) {
			return fmt.Errorf("the text nests deeper than %d levels", maxDepth)
		}
		return nil
	})
}

// nestsTooDeeply bounds the nesting of JSON or YAML from above: brackets
// outside of double quotes, indentation, and the dashes that open nested
// YAML lists in one line.
func nestsTooDeeply(text string) bool {
	brackets := 0
	for line := range strings.Lines(text) {
		indent := len(line) - len(strings.TrimLeft(line, " \t-?"))
		quoted := false
		for i := 0; i < len(line); i++ {
			switch line[i] {
			case '\\':
				if quoted {
					i++
				}
			case '"':
				quoted = !quoted
			case '[', '{':
				if !quoted {
					brackets++
				}
			case ']', '}':
				if !quoted {
					brackets--
				}
			}
			if brackets+indent > maxDepth {
				return true
			}
		}
	}
	return false
}

// boundedFormat is format or formatlist without gigantic widths.
func boundedFormat(f function.Function) function.Function {
	return checked(f, func(args []cty.Value) error {
		if len(args) == 0 || args[0].Type() != cty.String {
			return nil
		}
		width := 0
		for _, c := range args[0].AsString() {
			if c < '0' || c > '9' {
				width = 0
				continue
			}
			if width = width*10 + int(c-'0'); width > maxWidth && strings.Contains(args[0].AsString(), "%") {
				return fmt.Errorf("numbers in the format may be up to %d", maxWidth)
			}
		}
		return nil
	})
}

func indentFunc() function.Function {
	return checked(stdlib.IndentFunc, func(args []cty.Value) error {
		if n, _ := args[0].AsBigFloat().Int64(); n < 0 || n > maxWidth {
			return fmt.Errorf("spaces are a number from 0 to %d", maxWidth)
		}
		return nil
	})
}

func boundedProduct() function.Function {
	return checked(stdlib.SetProductFunc, func(args []cty.Value) error {
		total := 1
		for _, a := range args {
			if !a.CanIterateElements() {
				return nil
			}
			if total *= a.LengthInt(); total > maxProduct {
				return fmt.Errorf("the product has more than %d elements", maxProduct)
			}
		}
		return nil
	})
}
