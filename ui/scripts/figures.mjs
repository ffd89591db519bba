// Nothing that the page shows as a figure may stand in its source: every number comes from the API, and what is said about it
// from the catalogue of strings. This finds digits in the texts of elements, numbers put between them, and numbers as what
// formats figures is given.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../src/', import.meta.url))
const formats = new Set(['number', 'milliseconds', 'percent', 'ago', 'when', 'bytes'])

const files = readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.tsx'))
const found = []
for (const name of files) {
  const source = ts.createSourceFile(name, readFileSync(join(root, name), 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX)
  const tell = (node, what) => found.push(`${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}: ${node.getText().trim().slice(0, 60)}`)
  const literal = (node) => ts.isNumericLiteral(node) || (ts.isStringLiteralLike(node) && /\d/.test(node.text)) || (ts.isPrefixUnaryExpression(node) && ts.isNumericLiteral(node.operand))
  // shown gives what an expression may put on the page: itself, or either side of a choice.
  const shown = (node) => ts.isParenthesizedExpression(node) ? shown(node.expression) : ts.isConditionalExpression(node) ? [...shown(node.whenTrue), ...shown(node.whenFalse)]
    : ts.isBinaryExpression(node) && ['&&', '||', '??', '+'].includes(node.operatorToken.getText()) ? [...shown(node.left), ...shown(node.right)] : [node]
  const visit = (node) => {
    if (ts.isJsxText(node) && /\d/.test(node.text)) tell(node, 'a figure in a text')
    if (ts.isJsxExpression(node) && node.expression && (ts.isJsxElement(node.parent) || ts.isJsxFragment(node.parent)) && shown(node.expression).some(literal)) tell(node, 'a figure between elements')
    if (ts.isCallExpression(node) && formats.has(node.expression.getText()) && node.arguments.some((a) => shown(a).some(literal))) tell(node, 'a figure that is formatted')
    ts.forEachChild(node, visit)
  }
  visit(source)
}
if (found.length > 0) {
  console.error(`Figures that no answer of the API gave:\n${found.join('\n')}`)
  process.exit(1)
}
console.log(`${files.length} files: no figure is written down.`)
