// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
struct Query: ParsableCommand { func run() throws {} }
struct Extract: ParsableCommand { func run() throws {} }
struct Rules: ParsableCommand { func run() throws {} }
