// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
struct Extract: ParsableCommand { func run() throws {} }
