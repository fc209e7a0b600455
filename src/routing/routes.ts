/** What a label means for learning: index of the route -> indices of the modules that may learn. */
export interface Routes {
  /** Labels, in the order of their indices. */
  readonly labels: readonly string[];
  /** For each label the modules that may learn, as indices into `modules`. */
  readonly learners: readonly (readonly number[])[];
  readonly modules: readonly string[];
}

/** The scenario's routes as indices. @throws RangeError when a route names a module that is not there. */
export function createRoutes(routes: Readonly<Record<string, readonly string[]>>, modules: readonly string[]): Routes {
  // Sorted, so that a label's index does not depend on the order in which a file names the routes.
  const labels = Object.keys(routes).sort();
  const learners = labels.map((label) =>
    routes[label].map((module) => {
      const index = modules.indexOf(module);
      if (index < 0)
        throw new RangeError(`createRoutes: route ${label} names ${module}, expected one of ${modules.join(", ")}`);
      return index;
    }),
  );
  return { labels, learners, modules };
}
