/**
 * `Symbol.asyncDispose` where the runtime does not have it yet (browsers; Node 20 has it).
 *
 * Imported first by every module with a disposable class: without the symbol such a class would
 * get a method named "undefined".
 *
 * @module
 */
const symbols: { readonly asyncDispose?: symbol } = Symbol;
if (symbols.asyncDispose === undefined) {
  Object.defineProperty(Symbol, "asyncDispose", { value: Symbol.for("Symbol.asyncDispose") });
}

export {};
