// SPDX-License-Identifier: Apache-2.0
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayDetect
internal import BeltwayFlow
internal import Foundation

// What is looked at before anything starts, so that a mistake leaves nothing behind.

extension RunSession {
    func checkFilter() throws(ApplianceError) {
        guard let expression = configuration.filter else { return }
        do { try checkFilterExpression(expression) } catch { throw .usage(error.description) }
    }

    func checkCaptures() throws(ApplianceError) {
        for path in configuration.captures where path != "-" {
            if let problem = unreadableFile(path) { throw .failure("cannot read \(path): \(problem)") }
        }
    }

    /// Finds the interfaces before anything is made on disk: a name that was mistyped should leave nothing behind.
    ///
    /// - Returns: Whether the kernel can run the filter on all of them.
    func checkInterfaces() throws(ApplianceError) -> Bool {
        guard !configuration.usesLibpcap else { return false }
        var filtersInKernel = true
        for name in configuration.interfaces {
            do {
                if try CaptureInterface(named: name).isCooked { filtersInKernel = false }
            } catch {
                // What would run on another machine can be looked at here.
                guard configuration.explanation != nil else { throw .failure("\(error)") }
            }
        }
        return filtersInKernel
    }

    func loadRules() throws(ApplianceError) {
        guard let paths = configuration.rules ?? BundledRules.path.map({ [$0] }) else { return }
        for path in paths {
            if let problem = unreadable(path) {
                throw .failure("cannot read the rules at \(path): \(problem)")
            }
        }
        let report = RuleLoader.load(paths: paths, variables: configuration.variables)
        for problem in report.unreadable { console.note(problem.description) }
        for problem in report.refused.prefix(5) { console.note(problem.description) }
        if report.refused.count > 5 {
            console.note(
                "\(report.refused.count - 5) more rules were refused; `beltway rules check` lists them all"
            )
        }
        rulesLoaded = report.loaded
        rulesFailed = report.refused.count
        if configuration.rules != nil || report.loaded > 0 {
            console.note(
                "\(report.loaded) rules loaded, \(report.refused.count) refused, \(report.disabled) disabled"
            )
        }
        if report.loaded > 0 { ruleSet = report.ruleSet }
    }

    func openData() throws(ApplianceError) {
        let writes =
            configuration.storesFlows || configuration.storesPackets || configuration.writesEvents
            || configuration.zeek != nil || configuration.files.extraction != nil
        guard writes || wantsSharing else { return }
        do {
            let directory = try DataDirectory.choose(configuration.data, isOffline: configuration.isOffline)
            data = directory
            directory.remember(vlansSeparateFlows: configuration.vlansSeparateFlows)
            if !configuration.isOffline { flowSalt = directory.flowSalt }
            console.note("data directory \(directory.path) (\(directory.reason))")
        } catch {
            guard writes else {
                console.note("\(error.description); other processes cannot attach to this run")
                return
            }
            guard !DataDirectory.isTaken(error) else { throw error }
            // The capture goes on: what cannot be written is said, and the exit status tells.
            console.note("\(error.description); nothing will be written")
            outcome.fail()
        }
    }
}
