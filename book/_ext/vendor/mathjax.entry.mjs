// MathJax for the build: TeX in, HTML out, in any JavaScript engine. To make mathjax.js again:
//   npm install mathjax-full@3.2.2 esbuild
//   npx esbuild mathjax.entry.mjs --bundle --minify --format=iife --target=es2020 --charset=utf8 \
//     --legal-comments=none --outfile=mathjax.js
import {mathjax} from 'mathjax-full/js/mathjax.js';
import {TeX} from 'mathjax-full/js/input/tex.js';
import {CHTML} from 'mathjax-full/js/output/chtml.js';
import {liteAdaptor} from 'mathjax-full/js/adaptors/liteAdaptor.js';
import {RegisterHTMLHandler} from 'mathjax-full/js/handlers/html.js';
import {AssistiveMmlHandler} from 'mathjax-full/js/a11y/assistive-mml.js';
import {AllPackages} from 'mathjax-full/js/input/tex/AllPackages.js';

const adaptor = liteAdaptor();
AssistiveMmlHandler(RegisterHTMLHandler(adaptor)); // MathML beside it, for who listens
// With these two an unknown macro would be red text; without them it is an error.
const packages = AllPackages.filter((name) => !['noundefined', 'noerrors'].includes(name));
const chtml = new CHTML({fontURL: 'vendor/mathjax/fonts', adaptiveCSS: true});
const page = mathjax.document('', {InputJax: new TeX({packages}), OutputJax: chtml});

globalThis.typeset = (tex, display) =>
  adaptor.outerHTML(page.convert(tex, {display, em: 16, ex: 8, containerWidth: 1280}));
globalThis.styles = () => adaptor.textContent(chtml.styleSheet(page));
