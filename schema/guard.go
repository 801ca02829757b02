package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits on configuration text. HCL's parsers and evaluators recurse, and Go
// cannot recover from an exhausted stack, so what would nest too deep is
// refused before it is parsed.
const (
	// maxFileSize is the largest file that is read, in bytes.
	maxFileSize = 16 << 20
	// maxNesting is how deep brackets, blocks and templates may nest.
	maxNesting = 250
	// maxDepth bounds nesting and chained operators together: a+b+c and !!a
	// nest in the syntax tree as brackets do.
	maxDepth = 2000
	// directiveDepth is what one open template directive counts for.
	directiveDepth = maxDepth / maxNesting
	// maxExponentDigits bounds the exponent of a number literal: writing
	// 1e999999999 out in decimal would take all memory.
	maxExponentDigits = 4
)

// guardText checks source text of HCL's native syntax (or of a template, when
// lex is LexTemplate) before it is parsed. It returns nil when the text is
// safe.
func guardText(src []byte, filename string, start hcl.Pos, lex lexer) *hcl.Diagnostic {
	if harmless(src) {
		return nil
	}
	tokens, _ := lex(src, filename, start)
	g := guard{open: make([]frame, 1, 8)}
	for i, tok := range tokens {
		if d := g.token(tok, next(tokens, i)); d != nil {
			return d
		}
	}
	return nil
}

type lexer func(src []byte, filename string, start hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)

// harmless reports, without lexing, that src cannot exceed the limits.
func harmless(src []byte) bool {
	brackets, operators, exponent := 0, 0, false
	for i, b := range src {
		switch b {
		case '(', '[', '{':
			brackets++
		case '!', '-', '+', '*', '/', '%', '&', '|', '<', '>', '?', '=', '.':
			operators++
		case 'e', 'E':
			exponent = exponent || i > 0 && src[i-1] >= '0' && src[i-1] <= '9'
		}
	}
	return brackets < maxNesting && brackets+operators < maxDepth && !exponent
}

func next(tokens hclsyntax.Tokens, i int) hclsyntax.Token {
	if i+1 < len(tokens) {
		return tokens[i+1]
	}
	return hclsyntax.Token{}
}

// guard follows a token stream and measures how deep its syntax tree can be.
type guard struct {
	open  []frame // never empty: the first is the text itself
	depth int     // what is open, operators and directives included
}

// frame is one open bracket, block, quote or template.
type frame struct {
	kind          hclsyntax.TokenType
	comprehension bool // a for expression: line ends do not separate in it
	operators     int  // since the last separator
	nested        int  // open template directives, for quotes
}

func (g *guard) token(tok, following hclsyntax.Token) *hcl.Diagnostic {
	switch tok.Type {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		if tok.Type == hclsyntax.TokenOBrack {
			g.operator() // an index, a[b][c], nests as an operator does
		}
		comprehension := following.Type == hclsyntax.TokenIdent && string(following.Bytes) == "for"
		if tok.Type == hclsyntax.TokenTemplateControl {
			g.directive(string(following.Bytes))
		}
		g.open = append(g.open, frame{kind: tok.Type, comprehension: comprehension})
		g.depth++
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		g.close(tok.Type)
	case hclsyntax.TokenComma:
		g.separate()
	case hclsyntax.TokenNewline:
		if f := g.top(); len(g.open) == 1 || f.kind == hclsyntax.TokenOBrace && !f.comprehension {
			g.separate()
		}
	case hclsyntax.TokenNumberLit:
		if hugeExponent(tok.Bytes) {
			return errorAt(tok.Range, "Number too large", "Write numbers with an exponent of at most %d digits.", maxExponentDigits)
		}
	case hclsyntax.TokenIdent, hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenComment, hclsyntax.TokenEqual:
	default:
		g.operator()
	}
	if len(g.open) > maxNesting || g.depth > maxDepth {
		return errorAt(tok.Range, "Nested too deeply", "Brackets, blocks and templates may nest up to %d levels, with up to %d operators in one expression. Move parts of it into locals.", maxNesting, maxDepth)
	}
	return nil
}

func (g *guard) top() *frame { return &g.open[len(g.open)-1] }

// operator counts one operator in the innermost frame.
func (g *guard) operator() {
	g.top().operators++
	g.depth++
}

// separate forgets the operators of the innermost frame: what follows is
// another expression.
func (g *guard) separate() {
	f := g.top()
	g.depth -= f.operators
	f.operators = 0
}

// directive follows %{ if }, %{ for } and their ends, which nest without brackets.
func (g *guard) directive(keyword string) {
	f := g.top()
	switch keyword {
	case "if", "for":
		f.nested++
		g.depth += directiveDepth
	case "endif", "endfor":
		if f.nested > 0 {
			f.nested--
			g.depth -= directiveDepth
		}
	}
}

// close drops the innermost frame when the token closes it. Others are left:
// the parser reports them.
func (g *guard) close(kind hclsyntax.TokenType) {
	f := g.top()
	if !closes(f.kind, kind) {
		return
	}
	g.depth -= 1 + f.operators + f.nested*directiveDepth
	g.open = g.open[:len(g.open)-1]
}

func closes(open, end hclsyntax.TokenType) bool {
	switch open {
	case hclsyntax.TokenOBrace:
		return end == hclsyntax.TokenCBrace
	case hclsyntax.TokenOBrack:
		return end == hclsyntax.TokenCBrack
	case hclsyntax.TokenOParen:
		return end == hclsyntax.TokenCParen
	case hclsyntax.TokenOQuote:
		return end == hclsyntax.TokenCQuote
	case hclsyntax.TokenOHeredoc:
		return end == hclsyntax.TokenCHeredoc
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return end == hclsyntax.TokenTemplateSeqEnd
	}
	return false
}

func hugeExponent(number []byte) bool {
	for i, b := range number {
		if b == 'e' || b == 'E' {
			digits := 0
			for _, d := range number[i+1:] {
				if d >= '0' && d <= '9' {
					digits++
				}
			}
			return digits > maxExponentDigits
		}
	}
	return false
}

// guardJSON checks the nesting of JSON text, outside of strings; what strings
// hold is checked when they are parsed as templates.
func guardJSON(src []byte, filename string) *hcl.Diagnostic {
	depth, line, lineStart, quoted := 0, 1, 0, false
	for i := 0; i < len(src); i++ {
		switch b := src[i]; {
		case b == '\n':
			line, lineStart, quoted = line+1, i+1, false
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		case b == 'e' || b == 'E':
			if i > 0 && src[i-1] >= '0' && src[i-1] <= '9' && hugeExponent(numberAt(src[i:])) {
				return errorAt(pointRange(filename, line, i-lineStart+1, i), "Number too large",
					"Write numbers with an exponent of at most %d digits.", maxExponentDigits)
			}
		}
		if depth > maxNesting {
			return errorAt(pointRange(filename, line, i-lineStart+1, i), "Nested too deeply",
				"Objects and arrays may nest up to %d levels.", maxNesting)
		}
	}
	return nil
}

// numberAt is the beginning of src that can be part of a number.
func numberAt(src []byte) []byte {
	for i, b := range src {
		if (b < '0' || b > '9') && b != 'e' && b != 'E' && b != '+' && b != '-' {
			return src[:i]
		}
	}
	return src
}

// pointRange is the range of one byte.
func pointRange(filename string, line, column, offset int) hcl.Range {
	return hcl.Range{
		Filename: filename,
		Start:    hcl.Pos{Line: line, Column: column, Byte: offset},
		End:      hcl.Pos{Line: line, Column: column + 1, Byte: offset + 1},
	}
}
