"""The page: an owner looks at the appliance, tries it and changes it, in a browser."""
